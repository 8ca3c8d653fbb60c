"""Guesses which columns of a table contain files and labels, for a table without a config."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kerastl.config import LabelPolicy
from kerastl.data.tables.labels import decode_labels
from kerastl.errors import TableError
from kerastl.media.media_types import MEDIA_TYPES

_NUM_CELLS = 100  # cells of a column that are looked at


def guess_data(
    frame: pd.DataFrame,
    path: Path,
    *,
    columns: Mapping[str, str | None] | None = None,
    tasks: Sequence[str] = (),
    group: str | None = None,
) -> dict[str, Any]:
    """Returns the `data` section of a config for a table; given columns are not guessed.

    The column of files is the first in which every cell has an extension of one media type. Tasks
    are the other columns that contain nothing but 1, 0 and blanks, and at least one 1 or 0.
    `columns` maps a media type to its column, or None.
    """
    modality, column = _file_column(frame, path, columns or {})
    others = [str(name) for name in frame.columns if name not in (column, group)]
    chosen = list(dict.fromkeys(tasks)) or [name for name in others if _holds_labels(frame[name])]
    if not chosen:
        raise TableError(
            "No column of the table contains labels.",
            where=str(path),
            expected="columns of 1, 0 and blank",
            received=", ".join(others) or "no further columns",
            fix="Name the columns with --task, or check a config that defines the cells.",
        )
    data: dict[str, Any] = {"table": str(path), modality: column, "tasks": chosen}
    return data if group is None else {**data, "group": group}


def _file_column(
    frame: pd.DataFrame, path: Path, columns: Mapping[str, str | None]
) -> tuple[str, str]:
    for modality, given in columns.items():
        if given is not None:
            return modality, given
    for modality, media in MEDIA_TYPES.items():
        for name in frame.columns:
            cells = frame[name].head(_NUM_CELLS)
            if all(str(cell).strip().lower().endswith(media.extensions) for cell in cells):
                return modality, str(name)
    options = " or ".join(f"--{name}" for name in MEDIA_TYPES)
    raise TableError(
        "No column of the table contains files.",
        where=str(path),
        expected="a column of file names that end in .jpg, .png, .wav or another known extension",
        received=", ".join(map(str, frame.columns)),
        fix=f"Name the column with {options}.",
    )


def _holds_labels(cells: pd.Series) -> bool:
    decoded = decode_labels(cells.tolist(), LabelPolicy())
    return not decoded.invalid_cells and bool((~np.isnan(decoded.labels)).any())
