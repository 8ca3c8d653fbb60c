"""A finished run as an object: predict, evaluate, listen."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pandas as pd

from kerastl.files import without_nan
from kerastl.progress import SILENT, Progress
from kerastl.records import to_values
from kerastl.run.bundle import Bundle
from kerastl.run.models import load_model
from kerastl.run.notebook_summary import describe, scores_html
from kerastl.run.record import read_record

if TYPE_CHECKING:
    import keras

    from kerastl.listening.detection import StreamingDetector


class Run:
    """A finished run.

    Args:
        path: Path of the run folder.

    Raises:
        RunError: The folder does not contain a finished run.
    """

    def __init__(self, path: str | Path):
        self.record = read_record(path)

    def __repr__(self) -> str:
        return describe(self.record)

    def _repr_html_(self) -> str:
        return scores_html(self.record)

    @property
    def path(self) -> Path:
        """Path of the run folder."""
        return self.record.path

    @property
    def bundle(self) -> Bundle:
        """All of `bundle.json`: what prediction needs besides the model."""
        return self.record.bundle

    @cached_property
    def model(self) -> "keras.Model":
        """The Keras model: raw input to uncalibrated probabilities."""
        from kerastl.run.model_check import refuse_other_model

        model = load_model(self.record.layout.model)
        refuse_other_model(model, self.bundle, where=self.path)
        return model

    @property
    def metrics(self) -> dict[str, Any]:
        """All of `metrics.json`: split to macro scores and scores of each task."""
        return dict(without_nan(to_values(self.record.metrics)))

    @property
    def missingness(self) -> dict[str, Any]:
        """All of `missingness.json`: how many labels are unknown, and whether at random."""
        return dict(without_nan(to_values(self.record.missingness or {})))

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks in the order of the probabilities."""
        return self.record.tasks

    @property
    def predictions(self) -> pd.DataFrame:
        """All of `predictions.parquet`: split, labels and probabilities of every example."""
        return self.record.predictions

    def predict(
        self,
        inputs: Sequence[str | Path] | str | Path,
        *,
        cache: bool = True,
        progress: Progress = SILENT,
    ) -> pd.DataFrame:
        """Predicts files, folders or a table.

        Args:
            inputs: Files and folders, or one CSV or Parquet table.
            cache: Whether to read features from the cache and write them to it.
            progress: Receives progress updates.

        Returns:
            One row per example in the given order: `path`, a calibrated probability and a decision
            per task, and `error` with the reason if a file cannot be read.

        Raises:
            RunError: There is nothing to predict.

        Example:

        ```python
        kerastl.load_run("runs/driving").predict(["a.jpg"])
        ```
        """
        from kerastl.run.predict import find_files, predict

        files = find_files(self.bundle, _paths(inputs))
        return predict(self.model, self.bundle, files, cache=cache, progress=progress)

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
            table: CSV or Parquet; None uses the run's own table.
            split: A split of the run's own table; another table is scored as a whole.
            cache: Whether to read features from the cache and write them to it.
            progress: Receives progress updates.

        Returns:
            `{"macro": {...}, "tasks": {task: {...}}, ...}` with NaN for undefined scores, what
            thresholds and calibration were chosen on, and the `engine` that computed the features.
            If the run was trained on some rows of the table (files with the same path or the same
            bytes), `note` says so and `others` are the scores of the other rows.

        Raises:
            RunError: The run has no such split.
            TableError: The table lacks a column.
        """
        from kerastl.run.evaluate import evaluate, examples_to_score

        part = split if table is None else None
        examples = examples_to_score(self.record, table, str(split))
        scores = evaluate(
            self.record, self.model, examples, part=part, cache=cache, progress=progress
        )
        return dict(to_values(scores))

    def listen(
        self,
        inputs: Sequence[str | Path] | str | Path,
        *,
        cache: bool = True,
        progress: Progress = SILENT,
    ) -> pd.DataFrame:
        """Detects words in long recordings by sliding the model's window over them.

        Args:
            inputs: Audio files and folders, or one CSV or Parquet table.
            cache: Whether to read the converted network from the cache and write it to it.
            progress: Receives progress updates.

        Returns:
            One row per detection: `path`, `start_seconds` and `end_seconds` of the window that
            detected it, `word`, its smoothed calibrated probability as `score`, and `error` with
            the reason if a file cannot be read. The time of a detection is `end_seconds`.

        Raises:
            RunError: The run does not take audio, or no files were found.

        Example:

        ```python
        kerastl.load_run("runs/wake-word").listen("evening.wav")
        ```
        """
        from kerastl.listening.detection import COLUMNS
        from kerastl.run.predict import find_files

        found = find_files(self.bundle, _paths(inputs))
        files = list(dict.fromkeys((file.path, file.name) for file in found))
        detector = self.streaming_detector(cache=cache, progress=progress)
        updates = detector.detect_in_files(files, progress=progress)
        rows = [row for update in updates for row in update.rows()]
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def streaming_detector(
        self, *, cache: bool = True, progress: Progress = SILENT
    ) -> "StreamingDetector":
        """Returns a detector of the run's words in files and pipes.

        Args:
            cache: Whether to read the converted network from the cache and write it to it.
            progress: Receives progress updates.

        Raises:
            RunError: The run does not take audio.
        """
        from kerastl.listening.detection import StreamingDetector
        from kerastl.listening.window_scorer import sample_rate_of

        sample_rate_of(self.bundle.input)  # fails before the model is loaded
        return StreamingDetector(self.model, self.bundle, cache=cache, progress=progress)

    def evaluate_recordings(
        self,
        table: str | Path,
        *,
        set_thresholds: str | None = None,
        negatives: str | Path | None = None,
        listening: Mapping[str, float] = MappingProxyType({}),
        cache: bool = True,
        progress: Progress = SILENT,
    ) -> dict[str, Any]:
        """Scores the run on long recordings with known events.

        Args:
            table: CSV or Parquet, one row per event: `path`, `word` (a task), `start_seconds`,
                `end_seconds`, and for promises `speaker`. A recording without events has one row
                with the others blank.
            set_thresholds: `false_accepts_per_hour<=x` or `~x` chooses the thresholds of all tasks
                on these recordings, for validation and not test, and writes them into the run.
            negatives: Recordings without events, which may only raise the thresholds that are set.
            listening: Settings of `evaluation.listening` that replace the run's. They are written
                into the run together with thresholds.
            cache: Whether to read the converted network from the cache and write it to it.
            progress: Receives progress updates.

        Returns:
            `{"all": {...}, "words": {word: {...}}, ...}`: false accepts per hour, missed events,
            latency, the curve of each word, the real-time factor on one core, and the matching
            rule.

        Raises:
            RunError: The run does not take audio, or the hop is longer than the window.
            ConfigError: A listening setting is invalid, or the policy is not
                `false_accepts_per_hour<=x`.
            TableError: The table cannot be read, or one of its rows is invalid.
            MediaError: A recording cannot be read.
        """
        from kerastl.data.tables.recordings import load_recordings
        from kerastl.listening.detection_scores import detection_scores
        from kerastl.listening.recording_thresholds import choose_thresholds, rate_policy
        from kerastl.listening.scored_recordings import score_recordings
        from kerastl.listening.stream_scorer import StreamScorer
        from kerastl.listening.window_scorer import WindowScorer, sample_rate_of

        policy = None if set_thresholds is None else rate_policy(set_thresholds)
        own = self.bundle.listening_config
        settings = own.parse({**dict(own), **listening}, where="the listening settings")
        tables = [table] if negatives is None else [table, negatives]
        recordings = [load_recordings(Path(one), self.tasks) for one in tables]
        sample_rate_of(self.bundle.input)  # fails before the model is loaded
        scorer = WindowScorer(self.model, self.bundle, cache=cache, progress=progress)
        stream = StreamScorer(scorer, settings)
        scored, *more = (score_recordings(stream, one, progress=progress) for one in recordings)
        if policy is not None:
            policies = dict.fromkeys(self.tasks, policy)
            added = more[0] if more else None
            bundle = choose_thresholds(
                scored, self.bundle, policies, negatives=added, progress=progress
            )
            self._set_thresholds(bundle, progress=progress)
        return dict(to_values(detection_scores(self.record, scored)))

    def _set_thresholds(self, bundle: Bundle, *, progress: Progress) -> None:
        """Writes a bundle with new thresholds, and the scores and report that depend on them."""
        from kerastl.report import write_report_or_warn
        from kerastl.run.evaluate import rescore
        from kerastl.run.results import write_thresholds

        write_thresholds(self.record.layout, bundle, rescore(self.record, bundle))
        self.record = read_record(self.path)
        write_report_or_warn(self.path, progress=progress)


def load_run(path: str | Path) -> Run:
    """Returns the finished run in a folder.

    Args:
        path: Path of the run folder.

    Raises:
        RunError: The folder does not contain a finished run.

    Example:

    ```python
    run = kerastl.load_run("runs/driving")
    run.metrics["test"]["macro"]["auc"]
    ```
    """
    return Run(path)


def _paths(inputs: Sequence[str | Path] | str | Path) -> list[Path]:
    given = [inputs] if isinstance(inputs, str | Path) else inputs
    return [Path(item) for item in given]
