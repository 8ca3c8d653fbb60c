"""The run folder: what lies where, and a finished run as an object."""

import json
import shutil
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pandas as pd

from kerastl.errors import RunError
from kerastl.files import write_text
from kerastl.progress import SILENT, Progress
from kerastl.run.bundle import FILE_NAME, Bundle, read_bundle

if TYPE_CHECKING:
    import keras

CONFIG = "config.yaml"
SPLITS = "splits.csv"
MODEL = "model.keras"
METRICS = "metrics.json"
MISSINGNESS = "missingness.json"
PREDICTIONS = "predictions.parquet"
HISTORY = "history.csv"
STATE = "state"
LOGS = "logs"


class Run:
    """A finished run.

    Args:
        path: Its folder.

    Raises:
        RunError: The folder holds no finished run.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.bundle: Bundle = read_bundle(self.path)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @cached_property
    def model(self) -> "keras.Model":
        """The Keras model: raw input to uncalibrated probabilities."""
        from kerastl.run.models import load_model

        return load_model(self.path / MODEL)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """All of `metrics.json`: split to macro scores and scores per task."""
        metrics: dict[str, Any] = json.loads((self.path / METRICS).read_text(encoding="utf-8"))
        return metrics

    @cached_property
    def missingness(self) -> dict[str, Any]:
        """All of `missingness.json`: how many labels are unknown, and whether by chance."""
        found: dict[str, Any] = json.loads((self.path / MISSINGNESS).read_text(encoding="utf-8"))
        return found

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks in the order of the probabilities."""
        return self.bundle.task_names

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """All of `predictions.parquet`: split, labels and probabilities of every example."""
        return pd.read_parquet(self.path / PREDICTIONS)

    def refresh(self) -> None:
        """Reads the bundle and the scores again after they were written anew."""
        self.bundle = read_bundle(self.path)
        self.__dict__.pop("metrics", None)

    def predict(
        self,
        inputs: Sequence[str | Path] | str | Path,
        *,
        cache: bool = True,
        progress: Progress = SILENT,
    ) -> pd.DataFrame:
        """Predicts files, folders or a table.

        Args:
            inputs: Files and folders of pictures, or one CSV or Parquet table.
            cache: Whether features are kept for later, and used.
            progress: Told how far it is.

        Returns:
            One row per example in the order given: `path`, a calibrated probability and a decision
            per task, and `error` with the reason where a file can't be read.

        Raises:
            RunError: Nothing was found to predict.

        Example:

        ```python
        kerastl.load_run("runs/driving").predict(["a.jpg"])
        ```
        """
        from kerastl.run.predict import predict

        given = [inputs] if isinstance(inputs, str | Path) else list(inputs)
        return predict(self, [Path(item) for item in given], cache=cache, progress=progress)

    def evaluate(
        self,
        table: str | Path | None = None,
        *,
        split: str | None = "test",
        cache: bool = True,
        progress: Progress = SILENT,
    ) -> dict[str, Any]:
        """Scores the run on one of its splits, or on another table with the same columns.

        Args:
            table: CSV or Parquet; None is the run's own table.
            split: A part of the run's own table; another table is scored whole.
            cache: Whether features are kept for later, and used.
            progress: Told how far it is.

        Returns:
            `{"macro": {...}, "tasks": {task: {...}}}`, undefined scores as NaN, and what they
            were tuned on.

        Raises:
            RunError: The run has no such split.
            TableError: The table lacks a column.
        """
        from kerastl.run.evaluate import evaluate

        path = None if table is None else Path(table)
        return evaluate(self, path, split, cache=cache, progress=progress)

    def listen(
        self,
        inputs: Sequence[str | Path] | str | Path,
        *,
        cache: bool = True,
        progress: Progress = SILENT,
    ) -> pd.DataFrame:
        """Detects words in long recordings: the model's window slides over them.

        Args:
            inputs: Files and folders of sounds, or one CSV or Parquet table.
            cache: Whether the converted network is kept for later, and used.
            progress: Told how far it is.

        Returns:
            One row per detection: `path`, `start_seconds` and `end_seconds` of the window that
            detected it, `word`, its smoothed calibrated probability as `score`, and `error` with
            the reason where a file can't be read. A word is detected at `end_seconds`.

        Raises:
            RunError: The run takes pictures, or nothing was found.

        Example:

        ```python
        kerastl.load_run("runs/wake-word").listen("evening.wav")
        ```
        """
        from kerastl.listening.predict import listen
        from kerastl.run.predict import find_files

        given = [inputs] if isinstance(inputs, str | Path) else list(inputs)
        paths, shown = find_files(self, [Path(item) for item in given])
        files = list(dict.fromkeys(zip(paths, shown, strict=True)))
        return listen(self, files, cache=cache, progress=progress)

    def evaluate_recordings(
        self,
        table: str | Path,
        *,
        set_thresholds: str | None = None,
        listening: Mapping[str, float] = MappingProxyType({}),
        cache: bool = True,
        progress: Progress = SILENT,
    ) -> dict[str, Any]:
        """Scores the run on long recordings whose events are known.

        Args:
            table: CSV or Parquet, one row per event: `path`, `word` (a task), `start_seconds`,
                `end_seconds`; a recording without events has one row with the others blank.
            set_thresholds: `false_accepts_per_hour<=x`: chooses the thresholds of all tasks on
                these recordings, which are then for validation and not for the test, and writes
                them into the run.
            listening: Settings of `evaluation.listening` that differ from the run's; they are
                written into the run together with thresholds.
            cache: Whether the converted network is kept for later, and used.
            progress: Told how far it is.

        Returns:
            `{"all": {...}, "words": {word: {...}}, ...}`: false accepts per hour, missed events,
            latency, the curve of each word, the real-time factor on one core, and the rule.

        Raises:
            RunError: The run takes pictures, or a setting is impossible.
            ConfigError: The policy isn't `false_accepts_per_hour<=x`.
            TableError: The table can't be read, or a row of it makes no sense.
            MediaError: A recording can't be read.
        """
        from kerastl.listening.evaluate import listen_to_table, rate_policy, store_thresholds

        policy = None if set_thresholds is None else rate_policy(set_thresholds)
        session = listen_to_table(self, Path(table), listening, cache=cache, progress=progress)
        if policy is not None:
            store_thresholds(session, policy, progress=progress)
        return session.scores()


def load_run(path: str | Path) -> Run:
    """Returns the finished run in a folder.

    Args:
        path: The folder.

    Raises:
        RunError: The folder holds no finished run.

    Example:

    ```python
    run = kerastl.load_run("runs/driving")
    run.metrics["test"]["macro"]["auc"]
    ```
    """
    return Run(path)


def refuse_taken(path: Path) -> None:
    """Raises where something lies in the folder of a new run.

    Raises:
        RunError: Something lies there already.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RunError(
            f"'{path}' exists already; earlier runs are never overwritten.",
            where=str(path),
            fix=f"Choose another folder, such as --output {free_name(path)}.",
        )


def start_run(path: Path, *, config: str, splits: pd.DataFrame) -> None:
    """Makes the folder of a new run and writes what a resumed training needs.

    Raises:
        RunError: Something lies there already.
    """
    refuse_taken(path)
    path.mkdir(parents=True, exist_ok=True)
    write_text(path / CONFIG, config)
    write_text(path / SPLITS, splits.to_csv(index=False))


def free_name(path: Path) -> Path:
    """Returns `path`, or with the first number that makes it free."""
    number = 2
    candidate = path
    while candidate.exists():
        candidate = path.with_name(f"{path.name}-{number}")
        number += 1
    return candidate


def is_finished(path: Path) -> bool:
    """Whether the folder holds a finished run."""
    return (path / FILE_NAME).is_file()


def finish_run(path: Path) -> None:
    """Removes what only an interrupted run needs."""
    shutil.rmtree(path / STATE, ignore_errors=True)
