"""Predictions of a run: by an export of it, or by its model; of all examples or of a shard."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kerastl.media.cuts import Cuts, cut_of
from kerastl.progress import Progress
from kerastl.run.bundle import Bundle
from kerastl.run.examples_to_predict import InputFile, find_files
from kerastl.run.exported_form import answering_files, find_exported_form
from kerastl.run.record import RunRecord
from kerastl.run.scoring import calibrate
from kerastl.run.shards import Job, Shard, compute_part, hash_of
from kerastl_runtime.media_file import FileInMemory

if TYPE_CHECKING:
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
    files = find_files(record.bundle, inputs)
    cuts = _cuts(record.bundle, files)
    return _predict(record, files, cuts, None, load, exported, cache=cache, progress=progress)[0]


def predict_shard(
    record: RunRecord,
    inputs: Any,
    load: "Callable[[], TrainedModel]",
    exported: bool,
    shard: Shard,
    folder: Path,
    *,
    cache: bool,
    progress: Progress,
) -> pd.DataFrame:
    """Writes the part of a shard into a folder unless it is there; returns its rows."""
    files = find_files(record.bundle, inputs)
    cuts = _cuts(record.bundle, files)
    job = Job(
        command="predict",
        num_shards=shard.count,
        counts=(len(files),),
        inputs=hash_of(list(map(_identity, files)), *([] if cuts is None else [cuts.values])),
        model=hash_of(answering_files(record.layout)),
    )

    def compute(rows: np.ndarray) -> tuple[pd.DataFrame, str]:
        return _predict(record, files, cuts, rows, load, exported, cache=cache, progress=progress)

    return compute_part(folder, shard, job, compute, progress=progress)


def _predict(
    record: RunRecord,
    files: Sequence[InputFile],
    cuts: Cuts | None,
    rows: np.ndarray | None,
    load: "Callable[[], TrainedModel]",
    exported: bool,
    *,
    cache: bool,
    progress: Progress,
) -> tuple[pd.DataFrame, str]:
    """Returns the table of all files or of those at some indices, and what computed it."""
    bundle = record.bundle
    media = [file.file for file in files]
    form = find_exported_form(record.layout, progress=progress) if exported else None
    if form is None:
        from kerastl.run.file_logits import file_logits

        logits, errors, engine = file_logits(
            load(),
            bundle,
            media,
            cuts=cuts,
            rows=rows,
            on_error="collect",
            cache=cache,
            progress=progress,
        )
        probabilities = calibrate(bundle, logits)
    else:
        chosen = range(len(files)) if rows is None else rows.tolist()
        engine = f"export/{form.bundle.format}"
        progress.step("Predicting", len(chosen))
        own = None if cuts is None else [cut_of(cuts, row) for row in chosen]
        probabilities, errors = form.probabilities(
            [media[row] for row in chosen], own, on_error="collect", advance=progress.advance
        )
    table = _table(bundle, files, cuts, rows, probabilities, errors)
    return table, engine


def _cuts(bundle: Bundle, files: Sequence[InputFile]) -> Cuts | None:
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
