"""Cells of the table to labels: 1, 0 or unknown.

Convention: an unknown label is NaN from here to the report; only this module knows what a cell
means.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kerastl.config import LabelPolicy
from kerastl.errors import LabelError

BLANKS = frozenset({"", "nan", "na", "n/a", "null", "none", "<na>"})
_WORDS = {"true": "1", "false": "0"}


@dataclass(frozen=True, kw_only=True)
class TaskLabels:
    """The labels of one task, and the cells that no policy knows.

    Args:
        labels: 1, 0 or NaN, shape `(examples,)`; an uncertain cell is NaN.
        training_labels: The same with uncertain cells as the policy says, in [0, 1] or NaN.
        uncertain: True where the cell is uncertain, shape `(examples,)`.
        out_of_range: Row index and cell of every cell that means nothing.
    """

    labels: np.ndarray
    training_labels: np.ndarray
    uncertain: np.ndarray
    out_of_range: tuple[tuple[int, str], ...]


def decode_labels(cells: Sequence[Any] | pd.Series, policy: LabelPolicy) -> TaskLabels:
    """Decodes one column of cells.

    A number counts as the same cell however it is written (`1`, `1.0`, `01.0`), and `true` and
    `false` count as 1 and 0. A blank, `NaN`, `NA`, `null` or `None` is unknown unless the policy
    names it.

    Args:
        cells: One cell per example.
        policy: Which cells are positive, negative and uncertain.
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
        out_of_range=tuple((int(row), texts[codes[row]]) for row in np.flatnonzero(invalid)),
    )


def canonical_cell(cell: Any) -> str:
    """Returns the text by which a cell is compared: numbers in their shortest form, no spaces."""
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


def refuse_out_of_range(task: str, decoded: TaskLabels, *, source: str) -> None:
    """Raises a `LabelError` that names the first cells that mean nothing."""
    if not decoded.out_of_range:
        return
    shown = ", ".join(f"'{cell}' in row {row + 1}" for row, cell in decoded.out_of_range[:3])
    more = len(decoded.out_of_range) - 3
    raise LabelError(
        f"{len(decoded.out_of_range)} cells of the task '{task}' are no labels.",
        where=f"{source}: column {task}",
        expected="1, 0 or blank, or what data.labels maps",
        received=shown + (f" and {more} more" if more > 0 else ""),
        fix=f"Correct the cells, or say what they mean under data.labels.{task}.",
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
