"""What the report reads from the run folder.

Convention: only the bundle, the scores and the predictions have to be there; whatever else is
missing leaves its section with a sentence instead.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kerastl.data.tables.splits import PARTS
from kerastl.errors import RunError
from kerastl.run import folder as places
from kerastl.run.bundle import Bundle, read_bundle


@dataclass(frozen=True, kw_only=True)
class Source:
    """The files of one run.

    Args:
        path: Its folder.
        bundle: What the decisions need.
        metrics: Split to scores.
        predictions: Path, split, labels, logits and calibrated probabilities of every example.
        history: One row per epoch; empty where nothing was fitted by epochs.
        missingness: What was found about unknown labels, or None.
        config: The resolved config as YAML.
    """

    path: Path
    bundle: Bundle
    metrics: Mapping[str, Any]
    predictions: pd.DataFrame
    history: pd.DataFrame
    missingness: Mapping[str, Any] | None
    config: str

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks in the order of the bundle."""
        return self.bundle.task_names

    @property
    def parts(self) -> tuple[str, ...]:
        """The splits that have rows: test first, then validation, then training."""
        present = set(self.predictions["split"])
        known = [part for part in reversed(PARTS) if part in present]
        return (*known, *sorted(present - set(known)))

    @property
    def things(self) -> str:
        """What the examples are: `"pictures"` or `"sounds"`."""
        return "pictures" if self.bundle.input.modality == "image" else "sounds"

    def rows(self, part: str) -> pd.DataFrame:
        """Returns the predictions of one split, in the order of the table."""
        return self.predictions[self.predictions["split"] == part]

    def labels(self, part: str | None = None) -> np.ndarray:
        """Returns `(examples, tasks)`: 1, 0 or NaN for unknown; all splits without `part`."""
        frame = self.predictions if part is None else self.rows(part)
        names = [f"{task}_label" for task in self.tasks]
        return frame[names].to_numpy(np.float64)

    def scores(self, part: str, task: str | None = None) -> Mapping[str, Any]:
        """Returns the scores of one task on one split, or the macro scores."""
        split = self.metrics.get(part, {})
        found = split.get("macro", {}) if task is None else split.get("tasks", {}).get(task, {})
        return found if isinstance(found, Mapping) else {}


def read_source(run: Path) -> Source:
    """Reads the files of a finished run.

    Raises:
        RunError: There is no finished run, or a file that the report needs can't be read.
    """
    bundle = read_bundle(run)
    return Source(
        path=run,
        bundle=bundle,
        metrics=_read_metrics(run / places.METRICS),
        predictions=_read_predictions(run / places.PREDICTIONS, bundle.task_names),
        history=_read_history(run / places.HISTORY),
        missingness=_read_optional(run / places.MISSINGNESS),
        config=_read_text(run / places.CONFIG),
    )


def _read_metrics(path: Path) -> Mapping[str, Any]:
    found = _read_optional(path)
    if found is None:
        raise _unreadable(path, "the scores that `kerastl train` writes")
    return found


def _read_predictions(path: Path, tasks: tuple[str, ...]) -> pd.DataFrame:
    needed = ["path", "split", *(f"{task}{end}" for task in tasks for end in ("_label", "_logit"))]
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise _unreadable(path, "the predictions that `kerastl train` writes") from error
    missing = [name for name in (*needed, *tasks) if name not in frame.columns]
    if missing:
        raise _unreadable(path, "the predictions of this run", f"no column '{missing[0]}'")
    return frame


def _read_history(path: Path) -> pd.DataFrame:
    text = _read_text(path).strip()
    try:
        return pd.read_csv(StringIO(text)) if text else pd.DataFrame()
    except ValueError:
        return pd.DataFrame()


def _read_optional(path: Path) -> Mapping[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, Mapping) else None


def _read_text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _unreadable(path: Path, expected: str, received: str | None = None) -> RunError:
    lacks = received is None and not path.is_file()
    return RunError(
        f"The report needs '{path.name}', which {'is missing' if lacks else 'cannot be read'}.",
        where=str(path),
        expected=expected,
        received=received,
        fix="Restore the file, or train the run again.",
    )
