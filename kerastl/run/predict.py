"""Predicting files, folders and tables with a finished run."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kerastl.data.examples import has_media_extension
from kerastl.data.table import read_frame
from kerastl.errors import RunError, TableError
from kerastl.progress import Progress
from kerastl.run.inference import predict_files
from kerastl.run.scoring import calibrate

if TYPE_CHECKING:
    from kerastl.run.folder import Run

TABLES = (".csv", ".parquet", ".pq")


def predict(run: "Run", inputs: Sequence[Path], *, cache: bool, progress: Progress) -> pd.DataFrame:
    """Returns one row per example; see `kerastl.run.folder.Run.predict`."""
    paths, shown = find_files(run, inputs)
    logits, errors = predict_files(run, paths, on_error="collect", cache=cache, progress=progress)
    probabilities = calibrate(run.bundle, logits)
    columns: dict[str, object] = {"path": shown}
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
    found: list[Path] = []
    shown: list[str] = []
    for item in inputs:
        paths, names = _files_of(run, item)
        found.extend(paths)
        shown.extend(names)
    if not found:
        raise RunError(
            "There is nothing to predict.",
            where=", ".join(str(item) for item in inputs),
            expected=f"files, folders or a table with {run.bundle.input.modality} files",
        )
    return found, shown


def _files_of(run: "Run", item: Path) -> tuple[list[Path], list[str]]:
    if item.is_dir():
        inside = sorted(
            path
            for path in item.rglob("*")
            if path.is_file() and has_media_extension(path, run.bundle.input.modality)
        )
        return inside, [str(path) for path in inside]
    if item.suffix.lower() in TABLES:
        return _files_of_table(run, item)
    return [item], [str(item)]


def _files_of_table(run: "Run", table: Path) -> tuple[list[Path], list[str]]:
    frame = read_frame(table)
    column = str(run.bundle.data.get("column", "path"))
    if column not in frame.columns:
        raise TableError(
            f"The table lacks the column '{column}'.",
            where=str(table),
            expected=f"the column with the files, named as in the run's config: {column}",
            received=", ".join(str(name) for name in frame.columns[:12]),
        )
    names = [str(cell).strip() for cell in frame[column]]
    return [table.parent / name for name in names], names
