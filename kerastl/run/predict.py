"""Predictions of a run: by an export of it, or by its model; here, in shards or by an executor."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kerastl.data.inputs.streams import Decoded, FileInputs
from kerastl.media.cuts import Cuts, cut_of
from kerastl.progress import SILENT, Progress
from kerastl.run.bundle import Bundle
from kerastl.run.examples_to_predict import InputFile, find_files
from kerastl.run.exported_form import answering_files, find_exported_form
from kerastl.run.record import RunRecord
from kerastl.run.scoring import calibrate
from kerastl.run.sent_files import SentRun
from kerastl.run.shards import Job, Shard, hash_of
from kerastl.run.work import Work
from kerastl_runtime.media_file import FileInMemory

if TYPE_CHECKING:
    from kerastl.run.file_logits import FileLogits
    from kerastl.run.trained_model import TrainedModel


def predict(
    record: RunRecord,
    inputs: Any,
    load: "Callable[[], TrainedModel]",
    exported: bool,
    cache: bool,
    progress: Progress,
) -> pd.DataFrame:
    """Returns one row per example; see `kerastl.runs.Run.predict`. `load` returns the model."""
    answers = Answers(record, find_files(record.bundle, inputs), load, exported, cache, progress)
    return answers.table(None, progress=progress)[0]


class Answers:
    """Predicts files, by an export of a run if one answers, or by its model.

    Args:
        record: The run.
        files: All files.
        load: Returns the model of the run.
        exported: Whether an export may answer.
        cache: Whether to use the cache of features.
        progress: Receives a note about an export that answers.
    """

    def __init__(
        self,
        record: RunRecord,
        files: Sequence[InputFile],
        load: "Callable[[], TrainedModel]",
        exported: bool,
        cache: bool,
        progress: Progress,
    ):
        self.form = find_exported_form(record.layout, progress=progress) if exported else None
        self._bundle = record.bundle
        self._files = files
        self._load = load
        self._cache = cache
        self.cuts = cuts_of(files, record.bundle)

    @cached_property
    def inputs(self) -> FileInputs:
        """All files, for the model."""
        media = [file.file for file in self._files]
        return FileInputs(media, self._bundle.input, cuts=self.cuts, on_error="collect")

    @cached_property
    def _logits(self) -> "FileLogits":
        from kerastl.run.file_logits import FileLogits

        return FileLogits(self._load(), self._bundle.task_names, self.inputs, cache=self._cache)

    def table(
        self, rows: np.ndarray | None, decoded: Decoded | None = None, *, progress: Progress
    ) -> tuple[pd.DataFrame, str]:
        """Returns the table of the files at some indices or of all, and what computed it."""
        if self.form is None:
            logits, errors, engine = self._logits.of(rows, decoded, progress=progress)
            probabilities = calibrate(self._bundle, logits)
        else:
            chosen = range(len(self._files)) if rows is None else rows.tolist()
            engine = f"export/{self.form.bundle.format}"
            progress.step("Predicting", len(chosen))
            probabilities, errors = self.form.probabilities(
                [self._files[row].file for row in chosen],
                None if self.cuts is None else [cut_of(self.cuts, row) for row in chosen],
                on_error="collect",
                advance=progress.advance,
            )
        return _table(self._bundle, self._files, self.cuts, rows, probabilities, errors), engine


@dataclass(frozen=True, kw_only=True)
class Predictions(Work):
    """The work of predicting files with a run."""

    run: SentRun
    files: Sequence[InputFile]
    exported: bool
    cache: bool

    @classmethod
    def of(cls, record: RunRecord, inputs: Any, *, exported: bool, cache: bool) -> "Predictions":
        """Returns the work for a run and what `kerastl.runs.Run.predict` takes."""
        files = find_files(record.bundle, inputs)
        cuts = cuts_of(files, record.bundle)
        job = Job(
            command="predict",
            counts=(len(files),),
            inputs=hash_of(list(map(_identity, files)), *([] if cuts is None else [cuts.values])),
            model=hash_of(answering_files(record.layout)),
        )
        run = SentRun(record, exported=exported)
        return cls(job=job, run=run, files=files, exported=exported, cache=cache)

    def decode(self, shard: Shard) -> Decoded | None:
        """Reads the files of a shard, unless an export reads them."""
        answers = self._answers(SILENT)
        return None if answers.form else answers.inputs.part(self.job.rows(shard)).read()

    def compute(
        self, rows: np.ndarray, decoded: Decoded | None = None, *, progress: Progress
    ) -> tuple[pd.DataFrame, str]:
        """Returns the predictions of the files at these indices."""
        return self._answers(progress).table(rows, decoded, progress=progress)

    def _answers(self, progress: Progress) -> Answers:
        if "_kept" not in vars(self):
            given = self.run.record, self.files, self.run.load, self.exported, self.cache
            vars(self)["_kept"] = Answers(*given, progress)
        kept: Answers = vars(self)["_kept"]
        return kept


def cuts_of(files: Sequence[InputFile], bundle: Bundle) -> Cuts | None:
    """Returns the cuts of files, None if all of them are whole."""
    return Cuts.gather((file.cut for file in files), bundle.media.cut_columns)


def _identity(file: InputFile) -> list[str]:
    is_in_memory = isinstance(file.file, FileInMemory)  # named after its place
    return [file.name, *([file.file.sha256().hex()] if is_in_memory else [])]


def _table(
    bundle: Bundle,
    files: Sequence[InputFile],
    cuts: Cuts | None,
    rows: np.ndarray | None,
    probabilities: np.ndarray,
    errors: Mapping[int, str],
) -> pd.DataFrame:
    chosen = list(range(len(files))) if rows is None else rows.tolist()
    columns: dict[str, object] = {"path": [files[row].name for row in chosen]}
    for name, values in ({} if cuts is None else cuts.table_columns()).items():
        columns[name] = values[chosen]
    readable = np.array([row not in errors for row in range(len(chosen))])
    for task, values in zip(bundle.task_names, probabilities.T, strict=True):
        columns[task] = np.where(readable, values, np.nan)
        decisions = pd.array(values >= bundle.thresholds[task]).astype("Int8")
        decisions[~readable] = pd.NA
        columns[f"{task}_decision"] = decisions
    columns["error"] = [errors.get(row) for row in range(len(chosen))]
    return pd.DataFrame(columns)
