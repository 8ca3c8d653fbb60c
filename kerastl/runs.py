"""A finished run as an object: predict, evaluate, listen, export."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pandas as pd

from kerastl.files import without_nan
from kerastl.progress import SILENT, Progress
from kerastl.records import to_values
from kerastl.run.bundle import Bundle
from kerastl.run.evaluate import evaluate, examples_to_score
from kerastl.run.examples_to_predict import find_files
from kerastl.run.notebook_summary import describe, scores_html
from kerastl.run.predict import predict
from kerastl.run.record import read_record

if TYPE_CHECKING:
    import keras

    from kerastl.export.exporting import Exported
    from kerastl.listening.detection import StreamingDetector
    from kerastl.run.trained_model import TrainedModel


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
        """The Keras model: uncalibrated probabilities of raw input, or of extracted features."""
        from kerastl.run.model_check import refuse_other_model
        from kerastl.run.models import load_model

        model = load_model(self.record.layout.model)
        refuse_other_model(model, self.bundle, where=self.path)
        return model

    @cached_property
    def trained(self) -> "TrainedModel":
        """The Keras model with the backbone, whatever that is."""
        from kerastl.run.trained_model import read_trained_model

        return read_trained_model(self.model, self.bundle, self.record.layout)

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
        inputs: Any,
        *,
        exported: bool = False,
        cache: bool = True,
        progress: Progress = SILENT,
    ) -> pd.DataFrame:
        """Predicts files, folders, tables, and what is in memory.

        Args:
            inputs: One of these or a list of them: a path of a file, folder or table; a URL; a
                DataFrame; the bytes of a file; a PIL image; an RGB image, uint8
                `(height, width, 3)`; audio, float `(samples,)` at the run's sample rate.
            exported: Whether an export of the run in its folder may answer; see `kerastl predict`.
            cache: Whether to read features from the cache and write them to it.
            progress: Receives progress updates.

        Returns:
            One row per example in the given order: `path`, a calibrated probability and a decision
            per task, and `error` with the reason if a file cannot be read.

        Raises:
            RunError: There is nothing to predict, or a value of another shape or type.

        Example:

        ```python
        kerastl.load_run("runs/driving").predict(["a.jpg"])
        ```
        """
        return predict(self.record, inputs, lambda: self.trained, exported, cache, progress)

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
            If the run was trained on some rows, `note` says so and `others` scores the others.

        Raises:
            RunError, TableError: The run has no such split, or the table lacks a column.
        """
        part = split if table is None else None
        given = self.record, self.trained, examples_to_score(self.record, table, str(split))
        scores = evaluate(*given, part=part, cache=cache, progress=progress)
        return dict(to_values(scores))

    def listen(
        self, inputs: Any, *, cache: bool = True, progress: Progress = SILENT
    ) -> pd.DataFrame:
        """Detects words in long recordings by sliding the model's window over them.

        Args:
            inputs: As in `predict`.
            cache: Whether to read the converted network from the cache and write it to it.
            progress: Receives progress updates.

        Returns:
            One row per detection: `path`, `start_seconds` and `end_seconds` (its time) of the
            window, `word`, its smoothed calibrated probability as `score`, and `error`.

        Raises:
            RunError: The run does not take audio, or no files were found.

        Example:

        ```python
        kerastl.load_run("runs/wake-word").listen("evening.wav")
        ```
        """
        detector = self.streaming_detector(cache=cache, progress=progress)
        return detector.table_of_detections(find_files(self.bundle, inputs), progress=progress)

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
        return StreamingDetector(self.trained, self.bundle, cache=cache, progress=progress)

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
                `end_seconds`, for promises `speaker`; all but `path` blank without events.
            set_thresholds: `false_accepts_per_hour<=x` or `~x` chooses the thresholds of all tasks
                on these recordings, for validation and not test, and writes them into the run.
            negatives: Recordings without events, which may only raise the thresholds that are set.
            listening: Settings that replace the run's, and are written with thresholds.
            cache: Whether to read the converted network from the cache and write it to it.
            progress: Receives progress updates.

        Returns:
            `{"all": {...}, "words": {word: {...}}, ...}`: false accepts per hour, missed events,
            latency, curves, the real-time factor on one core, and the matching rule.

        Raises:
            RunError: The run does not take audio, or the hop is longer than the window.
            ConfigError, TableError, MediaError: A setting, the table or a recording is invalid.
        """
        from kerastl.listening.recording_evaluation import evaluate_recordings
        from kerastl.report import write_report_or_warn

        scores = evaluate_recordings(
            self.record,
            lambda: self.trained,
            table,
            policy=set_thresholds,
            negatives=negatives,
            listening=listening,
            cache=cache,
            progress=progress,
        )
        if set_thresholds is not None:
            self.record = read_record(self.path)
            write_report_or_warn(self.path, progress=progress)
        return dict(to_values(scores))

    def export(
        self,
        format: str = "saved_model",
        output: str | Path | None = None,
        *,
        precision: str | None = None,
        table: str | Path | None = None,
        max_auc_cost: float = 0.01,
        examples: int = 500,
        progress: Progress = SILENT,
    ) -> list["Exported"]:
        """Exports the run for another runtime, with its calibration, and checks it there.

        Args:
            format: `saved_model`, `litert`, `onnx`, `openvino`, `keras`, or `all`.
            output: Folder in which each format gets a folder; None is `export` in the run.
            precision: `float32`, `float16`, `dynamic` or `int8`; None is float32, or all of `all`.
            table: Table with the examples to compare; None uses the run's validation split.
            max_auc_cost: How much lower the mean AUC of a quantized model may be.
            examples: Largest number of examples to compare.
            progress: Receives progress updates.

        Returns:
            A result per format and precision; with `all`, `error` is why one was not written.

        Raises:
            ExportError: A package is missing, or the exported model differs from the run.
        """
        from kerastl.export.exporting import Check, export_run, wanted_forms

        check = Check(table=table, most_auc_cost=max_auc_cost, num_examples=examples)
        to, forms = output or self.record.layout.exports, wanted_forms(format, precision)
        return export_run(self.record, lambda: self.trained, forms, to, check, progress=progress)


def load_run(path: str | Path) -> Run:
    """Returns the finished run in a folder.

    Args:
        path: Path of the run folder.

    Raises:
        RunError: The folder does not contain a finished run.

    Example:

    ```python
    kerastl.load_run("runs/driving").metrics["test"]["macro"]["auc"]
    ```
    """
    return Run(path)
