"""Decoding of the table's cells to labels: 1, 0 or unknown.

Convention: an unknown label is NaN from here to the report. Only this module interprets cells.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kerastl.config import LabelPolicy
from kerastl.errors import LabelError, counted

BLANKS = frozenset({"", "nan", "na", "n/a", "null", "none", "<na>"})
_WORDS = {"true": "1", "false": "0"}


@dataclass(frozen=True, kw_only=True)
class TaskLabels:
    """The labels of one task.

    Args:
        labels: `(examples,)` float32: 1, 0 or NaN for unknown; an uncertain cell is unknown.
        training_labels: The same, with the policy's value for uncertain cells, in [0, 1] or NaN.
        uncertain: `(examples,)` bool: whether the cell is uncertain.
        invalid_cells: Row index and text of every cell that the policy does not know.
    """

    labels: np.ndarray
    training_labels: np.ndarray
    uncertain: np.ndarray
    invalid_cells: tuple[tuple[int, str], ...]


def decode_labels(cells: Sequence[Any] | pd.Series, policy: LabelPolicy) -> TaskLabels:
    """Decodes one column of cells.

    A number is the same cell in every notation (`1`, `1.0`, `01.0`), and `true` and `false` equal
    1 and 0. A blank, `NaN`, `NA`, `null` or `None` is unknown unless the policy lists it.

    Args:
        cells: One cell per example.
        policy: Cells that are positive, negative and uncertain.
    """
    codes, distinct = pd.factorize(np.asarray(cells, dtype=object))  # -1 is a missing cell
    texts = [*map(canonical_cell, distinct), ""]
    meaning = _meanings(policy)
    values = np.array([meaning.get(text, _default(text)) for text in texts], dtype=np.float64)
    decoded = values[codes]
    uncertain = decoded == _UNCERTAIN
    invalid = decoded == _INVALID
    labels = np.where(uncertain | invalid, np.nan, decoded).astype(np.float32)
    training = np.where(uncertain, _uncertain_value(policy), labels).astype(np.float32)
    return TaskLabels(
        labels=labels,
        training_labels=training,
        uncertain=uncertain,
        invalid_cells=tuple((int(row), texts[codes[row]]) for row in np.flatnonzero(invalid)),
    )


def canonical_cell(cell: Any) -> str:
    """Returns a cell as text for comparison: numbers in their shortest form, no outer spaces."""
    if cell is None or cell is pd.NA or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, bool | np.bool_):
        return str(int(cell))
    text = str(cell).strip()
    try:
        number = float(text)
    except ValueError:
        return _WORDS.get(text.lower(), text)
    return f"{number:g}" if math.isfinite(number) else text


def refuse_invalid_cells(task: str, cells: Sequence[tuple[int, str]], *, source: str) -> None:
    """Raises a `LabelError` that names the first invalid cells.

    Args:
        task: Name of the column.
        cells: Row index and text of each invalid cell.
        source: Name of the table.
    """
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


_UNCERTAIN = -1.0
_INVALID = -2.0


def _meanings(policy: LabelPolicy) -> Mapping[str, float]:
    return {
        canonical_cell(cell): value
        for cells, value in (
            (policy.positive, 1.0),
            (policy.negative, 0.0),
            (policy.uncertain, _UNCERTAIN),
        )
        for cell in cells
    }


def _default(text: str) -> float:
    return math.nan if text.lower() in BLANKS else _INVALID


def _uncertain_value(policy: LabelPolicy) -> float:
    when = policy.when_uncertain
    if isinstance(when, str):
        return {"ignore": math.nan, "positive": 1.0, "negative": 0.0}[when]
    return when.soft
