"""Predictions for files, folders and tables."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kerastl.data.tables.loading import read_frame
from kerastl.errors import RunError, TableError
from kerastl.media.segments import (
    COLUMNS,
    WHOLE,
    Bounds,
    Segments,
    bounds_of,
    read_segments,
    refuse_bad_segments,
)
from kerastl.progress import Progress
from kerastl.run.bundle import Bundle
from kerastl.run.inference import file_logits
from kerastl.run.scoring import calibrate

if TYPE_CHECKING:
    import keras

TABLES = (".csv", ".parquet", ".pq")


@dataclass(frozen=True)
class InputFile:
    """One example to predict.

    Args:
        path: Its file.
        name: The file as the user wrote it.
        bounds: Start and end of the segment in seconds, None for an open end.
    """

    path: Path
    name: str
    bounds: Bounds = WHOLE


def predict(
    model: "keras.Model",
    bundle: Bundle,
    files: Sequence[InputFile],
    *,
    cache: bool,
    progress: Progress,
) -> pd.DataFrame:
    """Returns one row per example; see `kerastl.runs.Run.predict`."""
    segments = _segments(files)
    logits, errors = file_logits(
        model,
        bundle,
        [file.path for file in files],
        segments=segments,
        on_error="collect",
        cache=cache,
        progress=progress,
    )
    columns: dict[str, object] = {"path": [file.name for file in files]}
    if segments is not None:
        columns |= dict(zip(COLUMNS, segments.values.T, strict=True))
    readable = np.array([row not in errors for row in range(len(files))])
    for task, values in zip(bundle.task_names, calibrate(bundle, logits).T, strict=True):
        columns[task] = np.where(readable, values, np.nan)
        decisions = pd.array(values >= bundle.thresholds[task]).astype("Int8")
        decisions[~readable] = pd.NA
        columns[f"{task}_decision"] = decisions
    columns["error"] = [errors.get(row) for row in range(len(files))]
    return pd.DataFrame(columns)


def find_files(bundle: Bundle, inputs: Iterable[Path]) -> list[InputFile]:
    """Returns the examples in files, folders and tables.

    Args:
        bundle: Bundle of the run, which determines the kind of files to look for.
        inputs: Files, folders and tables.

    Raises:
        RunError: There are no examples.
        TableError: A table lacks the column with the files.
    """
    inputs = list(inputs)
    found = [file for item in inputs for file in _files_in(item, bundle)]
    if not found:
        raise RunError(
            "There is nothing to predict.",
            where=", ".join(str(item) for item in inputs),
            expected=f"files, folders or a table of {bundle.media.nouns}",
        )
    return found


def _files_in(item: Path, bundle: Bundle) -> list[InputFile]:
    if item.is_dir():
        inside = sorted(
            path for path in item.rglob("*") if path.is_file() and bundle.media.matches(path)
        )
        return [InputFile(path, str(path)) for path in inside]
    if item.suffix.lower() in TABLES:
        return _files_in_table(item, bundle)
    return [InputFile(item, str(item))]


def _files_in_table(table: Path, bundle: Bundle) -> list[InputFile]:
    frame = read_frame(table)
    column = str(bundle.data.get("column", "path"))
    if column not in frame.columns:
        raise TableError(
            f"The table lacks the column '{column}'.",
            where=str(table),
            expected=f"the column with the files, named as in the run's config: {column}",
            received=", ".join(str(name) for name in frame.columns[:12]),
        )
    segments = read_segments(frame) if bundle.media.has_segments else None
    refuse_bad_segments(segments, source=table.name)
    names = [str(cell).strip() for cell in frame[column]]
    return [
        InputFile(table.parent / name, name, bounds_of(segments, row))
        for row, name in enumerate(names)
    ]


def _segments(files: Sequence[InputFile]) -> Segments | None:
    values = np.array([file.bounds for file in files], np.float64)
    return None if np.isnan(values).all() else Segments(values=values)
