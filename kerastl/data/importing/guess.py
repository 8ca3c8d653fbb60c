"""Which columns of a table hold files and labels, for a table that comes without a config."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kerastl.config import LabelPolicy
from kerastl.data.tables.labels import decode_labels
from kerastl.errors import TableError
from kerastl.media.extensions import MEDIA_EXTENSIONS

_NUM_CELLS = 100  # cells that show what a column of files holds


def guess_data(
    frame: pd.DataFrame,
    path: Path,
    *,
    image: str | None = None,
    audio: str | None = None,
    tasks: Sequence[str] = (),
    group: str | None = None,
) -> dict[str, Any]:
    """Returns the `data` part of a config for a table; what is given isn't guessed.

    The column of files is the first in which every cell ends as pictures or sounds do. Tasks are
    the other columns that hold nothing but 1, 0 and blanks, and at least one 1 or 0.

    Raises:
        TableError: No column holds files, or none holds labels.
    """
    modality, column = _file_column(frame, path, image, audio)
    others = [str(name) for name in frame.columns if name not in (column, group)]
    chosen = list(dict.fromkeys(tasks)) or [name for name in others if _holds_labels(frame[name])]
    if not chosen:
        raise TableError(
            "No column of the table holds labels.",
            where=str(path),
            expected="columns of 1, 0 and blank",
            received=", ".join(others) or "no further columns",
            fix="Name the columns with --task, or check a config that says what the cells mean.",
        )
    data: dict[str, Any] = {"table": str(path), modality: column, "tasks": chosen}
    return data if group is None else {**data, "group": group}


def _file_column(
    frame: pd.DataFrame, path: Path, image: str | None, audio: str | None
) -> tuple[str, str]:
    if image is not None:
        return "image", image
    if audio is not None:
        return "audio", audio
    for modality, endings in MEDIA_EXTENSIONS.items():
        for name in frame.columns:
            cells = frame[name].head(_NUM_CELLS)
            if all(str(cell).strip().lower().endswith(endings) for cell in cells):
                return modality, str(name)
    raise TableError(
        "No column of the table holds files.",
        where=str(path),
        expected="a column of names that end in .jpg, .png, .wav or the like",
        received=", ".join(map(str, frame.columns)),
        fix="Name the column with --image or --audio.",
    )


def _holds_labels(cells: pd.Series) -> bool:
    decoded = decode_labels(cells.tolist(), LabelPolicy())
    return not decoded.invalid_cells and bool((~np.isnan(decoded.labels)).any())
