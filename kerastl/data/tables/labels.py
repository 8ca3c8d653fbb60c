"""Decoding of the table's cells to labels: 1, 0 or unknown.

Convention: an unknown label is NaN from here to the report. Only this module interprets cells.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kerastl.config import LabelPolicy
from kerastl.errors import LabelError, counted

BLANKS = frozenset({"", "nan", "na", "n/a", "null", "none", "<na>"})
_WORDS = {"true": "1", "false": "0"}
_UNCERTAIN, _INVALID = -1.0, -2.0
_UNCERTAIN_AS = {"ignore": math.nan, "positive": 1.0, "negative": 0.0}


@dataclass(frozen=True, kw_only=True)
class TaskLabels:
    """One column of `Examples`: its labels, and row index and text of its invalid cells."""

    labels: np.ndarray
    training_labels: np.ndarray
    uncertain: np.ndarray
    invalid_cells: tuple[tuple[int, str], ...]


def decode_labels(cells: Sequence[Any] | pd.Series, policy: LabelPolicy) -> TaskLabels:
    """Decodes one column of cells.

    A number is the same cell in every notation (`1`, `1.0`, `01.0`), and `true` and `false` equal
    1 and 0. A blank, `NaN`, `NA`, `null` or `None` is unknown unless the policy lists it.
    """
    codes, distinct = _distinct_cells(cells)  # -1 is a missing cell
    texts = [*map(canonical_cell, distinct), ""]
    meaning = dict.fromkeys((text for text in texts if text.lower() in BLANKS), math.nan)
    for listed, value in (
        (policy.positive, 1.0),
        (policy.negative, 0.0),
        (policy.uncertain, _UNCERTAIN),
    ):
        meaning |= dict.fromkeys(map(canonical_cell, listed), value)
    values = np.array([meaning.get(text, _INVALID) for text in texts], dtype=np.float64)
    decoded = values[codes]
    uncertain = decoded == _UNCERTAIN
    invalid = decoded == _INVALID
    labels = np.where(uncertain | invalid, np.nan, decoded).astype(np.float32)
    when = policy.when_uncertain
    trained_as = _UNCERTAIN_AS[when] if isinstance(when, str) else when.soft
    training = np.where(uncertain, trained_as, labels).astype(np.float32)
    return TaskLabels(
        labels=labels,
        training_labels=training,
        uncertain=uncertain,
        invalid_cells=tuple((int(row), texts[codes[row]]) for row in np.flatnonzero(invalid)),
    )


def canonical_cell(cell: Any) -> str:
    """Returns a cell as text for comparison: numbers in their shortest form, no outer spaces."""
    if pd.api.types.is_scalar(cell) and pd.isna(cell):
        return ""
    if isinstance(cell, bool | np.bool_):
        return str(int(cell))
    text = str(cell).strip()
    try:
        number = float(text)
    except ValueError:
        return _WORDS.get(text.lower(), text)
    return f"{number:g}" if math.isfinite(number) else text


def _distinct_cells(cells: Sequence[Any] | pd.Series) -> tuple[np.ndarray, Any]:
    values = pd.Series(cells, dtype=object)
    try:
        return pd.factorize(values)
    except TypeError:  # lists and mappings have no hash
        return pd.factorize(values.map(canonical_cell))


def refuse_invalid_cells(task: str, cells: Sequence[tuple[int, str]], *, source: str) -> None:
    """Raises a `LabelError` that names the first of the cells, given as row index and text."""
    if not cells:
        return
    shown = ", ".join(f"'{cell}' in row {row + 1}" for row, cell in cells[:3])
    more = f" and {len(cells) - 3} more" if len(cells) > 3 else ""
    raise LabelError(
        f"{counted(len(cells), 'cell')} of the task '{task}' "
        f"{'is not a label' if len(cells) == 1 else 'are not labels'}.",
        where=f"{source}: column {task}",
        expected="1, 0 or blank, or a cell that data.labels lists",
        received=shown + more,
        fix=f"Correct the cells, or list them under data.labels.{task}.",
    )
