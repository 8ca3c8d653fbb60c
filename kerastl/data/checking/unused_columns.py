"""Columns that a config does not use: which they are, and whether one of them is a group.

Convention: the name decides whether a column may be a group, because age or camera can predict
labels as well as a patient does.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kerastl.data.tables.examples import Examples
from kerastl.data.tables.labels import BLANKS, canonical_cell

_GROUP = re.compile(
    r"(patient|subject|person|speaker|scene|video|recording|session|animal|site|case|group)s?"
    r"([_ ]?(id|name|number))?"
)
_MIN_LABELS = 5  # of each kind, of a task that counts


@dataclass(frozen=True, kw_only=True)
class LikelyGroup:
    """A column that the config does not use and that probably says which rows belong together."""

    column: str
    divided: int  # rows of validation and test whose cell is also in a training row
    held_out: int  # rows of validation and test
    # How well the mean label of the training rows with the same cell predicts those of held-out
    # rows: mean over tasks, 0.5 is chance; None if there are too few labels.
    auc: float | None


def unused_columns(frame: pd.DataFrame, used: Sequence[str]) -> list[str]:
    """Returns the columns besides those that are used."""
    return [str(name) for name in frame.columns if str(name) not in used]


def is_group(cells: pd.Series) -> bool:
    """Whether a column has the name of a group, and fewer values than rows."""
    is_named = _GROUP.fullmatch(str(cells.name).strip().lower()) is not None
    return is_named and 1 < cells.nunique() < len(cells)


def likely_group(examples: Examples, used: Sequence[str]) -> LikelyGroup | None:
    """Returns the first unused column that is probably a group and divided by the splits."""
    for name in unused_columns(examples.frame, used):
        if is_group(examples.frame[name]):
            found = _leak(examples, name)
            if found.divided:
                return found
    return None


def _leak(examples: Examples, column: str) -> LikelyGroup:
    cells = examples.frame[column].map(canonical_cell)
    is_blank = cells.str.lower().isin(BLANKS).to_numpy()
    training = (examples.splits == "train") & ~is_blank
    held_out = examples.splits != "train"
    divided = held_out & ~is_blank & cells.isin(cells[training].unique()).to_numpy()
    areas = [_area(cells, labels, training, divided) for labels in examples.labels.T]
    known = [area for area in areas if area is not None]
    return LikelyGroup(
        column=column,
        divided=int(divided.sum()),
        held_out=int(held_out.sum()),
        auc=sum(known) / len(known) if known else None,
    )


def _area(
    cells: pd.Series, labels: np.ndarray, training: np.ndarray, held_out: np.ndarray
) -> float | None:
    """Returns the AUC of the mean label of the training rows with the same cell, or None."""
    means = pd.Series(labels[training]).groupby(cells[training].to_numpy()).mean()
    scores = cells[held_out].map(means).to_numpy(np.float64)
    truth = labels[held_out]
    known = ~np.isnan(truth) & ~np.isnan(scores)
    positives, negatives = (truth[known] == 1).sum(), (truth[known] == 0).sum()
    if min(positives, negatives) < _MIN_LABELS:
        return None
    ranks = pd.Series(scores[known]).rank().to_numpy()
    return float((ranks[truth[known] == 1].mean() - (positives + 1) / 2) / negatives)
