"""The record of a run: everything in its folder, read once and typed.

Convention: only the bundle, the metrics and the predictions are required; a run folder without one
of the other files is still readable.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kerastl.config import Config
from kerastl.config.loader import read_config
from kerastl.data.tables.examples import PARTS, Examples
from kerastl.data.tables.loading import load_table
from kerastl.data.tables.table_file import read_frame
from kerastl.errors import RunError, TableError
from kerastl.evaluation.missingness import MissingnessReport
from kerastl.evaluation.score_types import SplitScores
from kerastl.records import from_values
from kerastl.run.bundle import Bundle, read_bundle
from kerastl.run.layout import RunLayout, refuse_links
from kerastl.run.split_table import with_stored_splits
from kerastl_runtime.checksums import refuse_changed
from kerastl_runtime.files import read_json, require_regular


@dataclass(frozen=True)
class RunRecord:
    """The files of a run, each read at its first use; an unfinished run has config and splits."""

    layout: RunLayout

    @property
    def path(self) -> Path:
        """Path of the run folder."""
        return self.layout.folder

    @cached_property
    def bundle(self) -> Bundle:
        """What prediction needs besides the model."""
        return read_bundle(self.layout)

    @cached_property
    def config(self) -> Config:
        """The resolved config; keys that did not exist when it was written mean what was done."""
        found = read_config(self.layout.config)
        return Config.parse(**{**found, "values": _with_former_defaults(found["values"])})

    @property
    def config_text(self) -> str:
        """The resolved config as YAML; empty if the file is missing."""
        return _read_text(self.layout.config)

    @cached_property
    def splits(self) -> pd.DataFrame:
        """The split of each example, with all columns as text."""
        try:
            require_regular(self.layout.splits)
            return pd.read_csv(self.layout.splits, dtype=str)
        except (OSError, ValueError) as error:
            raise _unreadable(self.layout.splits) from error

    @cached_property
    def metrics(self) -> Mapping[str, SplitScores]:
        """Name of each split to its scores."""
        try:
            found = read_json(self.layout.metrics)
            return {part: from_values(SplitScores, values) for part, values in found.items()}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise _unreadable(self.layout.metrics) from error

    @cached_property
    def missingness(self) -> MissingnessReport | None:
        """Analysis of the unknown labels; None if the file is missing or cannot be read."""
        try:
            return from_values(MissingnessReport, read_json(self.layout.missingness))
        except (OSError, ValueError, TypeError, AttributeError):
            return None

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """Path, split, and per task label, logit and calibrated probability of every example."""
        try:
            frame = read_frame(self.layout.predictions)
        except TableError as error:
            raise _unreadable(self.layout.predictions) from error
        per_task = [(f"{task}_label", f"{task}_logit", task) for task in self.tasks]
        for name in ("path", "split", *(name for names in per_task for name in names)):
            if name not in frame.columns:
                raise _unreadable(self.layout.predictions, f"no column '{name}'")
            if name not in ("path", "split") and frame[name].dtype.kind not in "fiu":
                raise _unreadable(self.layout.predictions, f"no numbers in '{name}'")
        return frame

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row per epoch; empty if nothing was trained in epochs."""
        text = _read_text(self.layout.history).strip()
        try:
            return pd.read_csv(StringIO(text)) if text else pd.DataFrame()
        except ValueError:
            return pd.DataFrame()

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks in the order of the model's probabilities."""
        return self.bundle.task_names

    @property
    def parts(self) -> tuple[str, ...]:
        """The splits that have rows: test, validation, train, then any others."""
        present = set(self.predictions["split"])
        known = [part for part in reversed(PARTS) if part in present]
        return (*known, *sorted(present - set(known)))

    def examples(self) -> Examples:
        """Reads the run's own table, with the splits that the run stored.

        Raises:
            RunError: The table has changed since the run was trained.
        """
        return with_stored_splits(load_table(self.config.data), self.splits)

    def rows(self, part: str) -> pd.DataFrame:
        """Returns the predictions of one split, in the order of the table."""
        return self.predictions[self.predictions["split"] == part]

    @property
    def logits(self) -> np.ndarray:
        """Uncalibrated logits of all examples, `(examples, tasks)`."""
        return np.stack([self.predictions[f"{t}_logit"].to_numpy() for t in self.tasks], axis=1)


def read_record(path: str | Path) -> RunRecord:
    """Returns the record of a finished run.

    Raises:
        RunError: The folder does not contain a finished run, its bundle cannot be read, or one of
            its files has changed or is a link to a file elsewhere.
    """
    record = RunRecord(RunLayout(Path(path)))
    refuse_links(record.layout)
    refuse_changed(record.path, record.layout.documents)
    _ = record.bundle
    return record


def _with_former_defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    """Adds what earlier versions did: one feature vector, no weights of tasks, no refitting."""
    found = {"features": None, "loss": {}, **values}
    if isinstance(found["loss"], dict):
        found["loss"] = {"task_weight": None, **found["loss"]}
    fit = found.get("fit")
    if isinstance(fit, dict) and fit.get("solver") == "exact":
        found["fit"] = {"refit": False, **fit}
    return found


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else ""
    except ValueError as error:
        raise _unreadable(path) from error


def _unreadable(path: Path, received: str | None = None) -> RunError:
    is_missing = received is None and not path.is_file()
    return RunError(
        f"The run file '{path.name}' {'is missing' if is_missing else 'cannot be read'}.",
        where=str(path),
        expected="the file as `kerastl train` writes it",
        received=received,
        fix="Restore the file, or train the run again.",
    )
