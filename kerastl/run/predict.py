"""Predicting files, folders and tables with a finished run."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kerastl.data.inputs.decoders import has_media_extension
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
from kerastl.run.inference import predict_files
from kerastl.run.scoring import calibrate

if TYPE_CHECKING:
    from kerastl.run.folder import Run

TABLES = (".csv", ".parquet", ".pq")

_Example = tuple[Path, str, Bounds]  # file, how it is called in the result, part of it


def predict(run: "Run", inputs: Sequence[Path], *, cache: bool, progress: Progress) -> pd.DataFrame:
    """Returns one row per example; see `kerastl.run.folder.Run.predict`."""
    found = _find(run, inputs)
    paths, segments = [path for path, _, _ in found], _segments(found)
    logits, errors = predict_files(
        run, paths, segments=segments, on_error="collect", cache=cache, progress=progress
    )
    probabilities = calibrate(run.bundle, logits)
    columns: dict[str, object] = {"path": [shown for _, shown, _ in found]}
    if segments is not None:
        columns |= dict(zip(COLUMNS, segments.values.T, strict=True))
    readable = np.array([row not in errors for row in range(len(paths))])
    for column, task in enumerate(run.tasks):
        threshold = run.bundle.thresholds[task]
        values = probabilities[:, column]
        columns[task] = np.where(readable, values, np.nan)
        columns[f"{task}_decision"] = pd.array(
            [int(v >= threshold) if ok else None for v, ok in zip(values, readable, strict=True)],
            dtype="Int8",
        )
    columns["error"] = [errors.get(row) for row in range(len(paths))]
    return pd.DataFrame(columns)


def find_files(run: "Run", inputs: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """Returns the files that are meant, and how they are called in the result.

    Args:
        run: Whose kind of input is looked for.
        inputs: Files, folders and tables.

    Raises:
        RunError: There are none.
        TableError: A table lacks the column with the files.
    """
    found = _find(run, inputs)
    return [path for path, _, _ in found], [shown for _, shown, _ in found]


def _find(run: "Run", inputs: Sequence[Path]) -> list[_Example]:
    found = [example for item in inputs for example in _examples_of(run, item)]
    if not found:
        raise RunError(
            "There is nothing to predict.",
            where=", ".join(str(item) for item in inputs),
            expected=f"files, folders or a table with {run.bundle.input.modality} files",
        )
    return found


def _segments(found: Sequence[_Example]) -> Segments | None:
    values = np.array([bounds for _, _, bounds in found], np.float64)
    return None if np.isnan(values).all() else Segments(values=values)


def _examples_of(run: "Run", item: Path) -> list[_Example]:
    if item.is_dir():
        inside = sorted(
            path
            for path in item.rglob("*")
            if path.is_file() and has_media_extension(path, run.bundle.input.modality)
        )
        return [(path, str(path), WHOLE) for path in inside]
    if item.suffix.lower() in TABLES:
        return _examples_of_table(run, item)
    return [(item, str(item), WHOLE)]


def _examples_of_table(run: "Run", table: Path) -> list[_Example]:
    frame = read_frame(table)
    column = str(run.bundle.data.get("column", "path"))
    if column not in frame.columns:
        raise TableError(
            f"The table lacks the column '{column}'.",
            where=str(table),
            expected=f"the column with the files, named as in the run's config: {column}",
            received=", ".join(str(name) for name in frame.columns[:12]),
        )
    segments = read_segments(frame) if run.bundle.input.modality == "audio" else None
    refuse_bad_segments(segments, source=table.name)
    names = [str(cell).strip() for cell in frame[column]]
    return [(table.parent / name, name, bounds_of(segments, row)) for row, name in enumerate(names)]
