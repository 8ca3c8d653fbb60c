"""Labels of whole files, from a table of them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerastl.data.importing import (
    BLANKS,
    FILE_COLUMN,
    UNKNOWN,
    TableError,
    canonical_cell,
    read_frame,
)


@dataclass(frozen=True, kw_only=True)
class FileLabels:
    """Labels of some files."""

    tasks: Sequence[str]
    values: np.ndarray  # 1, 0 or `UNKNOWN`, `(files, tasks)`
    unlabeled: int  # number of files without a row in the table


def read_labels(table: Path, files: Sequence[Path]) -> FileLabels:
    """Reads the labels of files from a table whose column `path` names them.

    Raises:
        TableError: The table has no such column or no labels, or names none of the files.
    """
    frame = read_frame(table)
    if FILE_COLUMN not in frame.columns:
        raise TableError(
            f"The table lacks the column '{FILE_COLUMN}'.",
            where=str(table),
            received=", ".join(map(str, frame.columns)),
        )
    cells = frame.drop(columns=FILE_COLUMN).map(canonical_cell).replace(list(BLANKS), "")
    tasks = [
        str(name)
        for name in cells
        if set(cells[name]) & {"1", "0"} and set(cells[name]) <= {"1", "0", ""}
    ]
    if not tasks:
        raise TableError(
            "The table has no labels.",
            where=str(table),
            expected="columns of 1, 0 and blank besides path",
            received=", ".join(map(str, cells)) or "no further columns",
        )
    columns = cells[tasks].replace("", str(UNKNOWN)).to_numpy().astype(np.int8)
    rows = {_absolute(table.parent / str(cell)): row for row, cell in enumerate(frame[FILE_COLUMN])}
    found = [rows.get(_absolute(path), -1) for path in files]
    if max(found) < 0:
        raise TableError(
            "The table of labels names none of the images.",
            where=str(table),
            expected=f"paths relative to the folder of the table, such as of {files[0]}",
            received=str(frame[FILE_COLUMN].iloc[0]) if len(frame) else "no rows",
        )
    values = columns[found]
    values[np.array(found) < 0] = UNKNOWN
    return FileLabels(tasks=tasks, values=values, unlabeled=sum(row < 0 for row in found))


def _absolute(path: Path) -> str:
    return os.path.normpath(path.absolute())
