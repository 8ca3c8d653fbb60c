"""Guesses what the columns of a table mean, for a table without a config.

Convention: a guess is a suggestion that is shown with its reason; training reads only configs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kerastl.config import LabelPolicy
from kerastl.data.checking.unused_columns import is_group
from kerastl.data.tables.labels import BLANKS, canonical_cell, decode_labels
from kerastl.errors import TableError
from kerastl.media.media_types import MEDIA_TYPES

_NUM_CELLS = 100  # cells of a column that are looked at
_YES = ("yes", "y", "present", "positive", "pos", "t")
_NO = ("no", "n", "absent", "negative", "neg", "f")
_UNCERTAIN = "-1"
_PARTS = {"train", "training", "val", "valid", "validation", "dev", "test"}


@dataclass(frozen=True, kw_only=True)
class TableGuess:
    """The `data` section of a config for a table, and why each key has its value."""

    data: dict[str, Any]
    reasons: dict[str, str]  # by key, each the end of "because ..."


def guess_table(frame: pd.DataFrame, path: Path) -> TableGuess:
    """Guesses the columns with files, labels, groups and splits, and what the labels' cells mean.

    Raises:
        TableError: No column contains files, or none labels.
    """
    modality, column = _file_column(frame, path, {})
    extensions = sorted({Path(str(cell)).suffix.lower() for cell in frame[column]})
    reasons = {modality: f"its cells end in {', '.join(extensions[:4])}"}
    others = _further_columns(frame, modality, column)
    policies = {name: policy for name in others if (policy := _policy(frame[name])) is not None}
    rest = [name for name in others if name not in policies]
    rest.sort(key=lambda name: name != "split")
    split = next((name for name in rest if set() < _words(frame[name]) <= _PARTS), None)
    group = next((name for name in rest if name != split and is_group(frame[name])), None)
    if not policies:
        raise _no_labels(others, path)
    data: dict[str, Any] = {"table": str(path), modality: column, "tasks": list(policies)}
    reasons["tasks"] = "their cells are answers to a question"
    if group is not None:
        data["group"] = group
        num_groups = frame[group].nunique()
        reasons["group"] = f"of its name; {len(frame):,} rows have {num_groups:,} values"
    if split is not None:
        data["split"] = {"column": split}
        reasons["split"] = f"its cells are {', '.join(sorted(_words(frame[split])))}"
    if labels := {name: policy for name, policy in policies.items() if policy}:
        data["labels"] = labels
        reasons["labels"] = "of the cells in these columns"
    return TableGuess(data=data, reasons=reasons)


def _words(cells: pd.Series) -> set[str]:
    return {text for cell in cells if (text := canonical_cell(cell).lower()) not in BLANKS}


def _policy(cells: pd.Series) -> dict[str, Any] | None:
    """Returns the label policy of a column, empty if it is the default; None if it has no labels.

    A column of numbers that happen to be 1 has labels as well: positives alone.
    """
    texts = {text for cell in cells if (text := canonical_cell(cell)).lower() not in BLANKS}
    policy: dict[str, Any] = {}
    if uncertain := texts & {_UNCERTAIN}:
        policy["uncertain"] = [_UNCERTAIN]
    texts -= uncertain
    positive = sorted(text for text in texts if text == "1" or text.lower() in _YES)
    negative = sorted(text for text in texts if text == "0" or text.lower() in _NO)
    if not positive or texts - {*positive, *negative}:
        return None
    if positive != ["1"]:
        policy["positive"] = positive
    if negative not in (["0"], []):
        policy["negative"] = negative
    if not negative and not uncertain:
        policy["when_unknown"] = {"weak_negative": 0.1}
    return policy


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
    others = [name for name in _further_columns(frame, modality, column) if name != group]
    chosen = list(dict.fromkeys(tasks)) or [name for name in others if _holds_labels(frame[name])]
    if not chosen:
        raise _no_labels(others, path)
    data: dict[str, Any] = {"table": str(path), modality: column, "tasks": chosen}
    return data if group is None else {**data, "group": group}


def _no_labels(others: Sequence[str], path: Path) -> TableError:
    return TableError(
        "No column of the table contains labels.",
        where=str(path),
        expected="columns of 1, 0 and blank",
        received=", ".join(others) or "no further columns",
        fix="Name the columns with --task, or check a config that defines the cells.",
    )


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


def _further_columns(frame: pd.DataFrame, modality: str, column: str) -> list[str]:
    """Returns the columns besides that of the files and those that cut examples out of them."""
    names = [str(name) for name in frame.columns]
    cuts = MEDIA_TYPES[modality].used_cut_columns(names)
    return [name for name in names if name not in (column, *cuts)]


def _holds_labels(cells: pd.Series) -> bool:
    decoded = decode_labels(cells.tolist(), LabelPolicy())
    return not decoded.invalid_cells and bool((~np.isnan(decoded.labels)).any())
