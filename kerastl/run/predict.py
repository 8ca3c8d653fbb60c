"""Predictions of a run: by an export of it, or by its model."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kerastl.media.cuts import Cuts, cut_of
from kerastl.progress import Progress
from kerastl.run.bundle import Bundle
from kerastl.run.examples_to_predict import InputFile, find_files
from kerastl.run.exported_form import find_exported_form
from kerastl.run.record import RunRecord
from kerastl.run.scoring import calibrate

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
    bundle = record.bundle
    files = find_files(bundle, inputs)
    cuts = Cuts.gather((file.cut for file in files), bundle.media.cut_columns)
    media = [file.file for file in files]
    form = find_exported_form(record.layout, progress=progress) if exported else None
    if form is None:
        from kerastl.run.file_logits import file_logits

        logits, errors, _ = file_logits(
            load(), bundle, media, cuts=cuts, on_error="collect", cache=cache, progress=progress
        )
        probabilities = calibrate(bundle, logits)
    else:
        progress.step("Predicting", len(files))
        own = None if cuts is None else [cut_of(cuts, row) for row in range(len(files))]
        probabilities, errors = form.probabilities(
            media, own, on_error="collect", advance=progress.advance
        )
    return _table(bundle, files, cuts, probabilities, errors)


def _table(
    bundle: Bundle,
    files: Sequence[InputFile],
    cuts: Cuts | None,
    probabilities: np.ndarray,
    errors: Mapping[int, str],
) -> pd.DataFrame:
    columns: dict[str, object] = {"path": [file.name for file in files]}
    if cuts is not None:
        columns |= cuts.table_columns()
    readable = np.array([row not in errors for row in range(len(files))])
    for task, values in zip(bundle.task_names, probabilities.T, strict=True):
        columns[task] = np.where(readable, values, np.nan)
        decisions = pd.array(values >= bundle.thresholds[task]).astype("Int8")
        decisions[~readable] = pd.NA
        columns[f"{task}_decision"] = decisions
    columns["error"] = [errors.get(row) for row in range(len(files))]
    return pd.DataFrame(columns)
