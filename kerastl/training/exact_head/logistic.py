"""The loss of many logistic regressions on the same features.

Convention: a column is one logistic regression, of a task, or of a task without a fold.
"""

import itertools
from dataclasses import replace

import numpy as np

from kerastl.training.exact_head.targets import Targets

_ROWS = 2**16  # whose losses are computed together


def chunks(num_rows: int, size: int) -> list[slice]:
    """Returns slices of rows next to each other, at least one."""
    edges = [*range(0, max(num_rows, 1), size), num_rows]
    return [slice(*edge) for edge in itertools.pairwise(edges)]


def mean_loss(logits: np.ndarray, targets: Targets) -> np.ndarray:
    """Returns the loss of each task, mean over its known labels, for `(examples, tasks)`."""
    tasks = replace(targets, folds=None, num_folds=1)
    parts = chunks(len(logits), _ROWS)
    every = np.arange(logits.shape[1])
    found = (losses_and_slopes(logits[rows], tasks.rows(rows), every)[0] for rows in parts)
    return np.asarray(sum(found) / tasks.num_known)


def losses_and_slopes(
    logits: np.ndarray, targets: Targets, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the summed loss of some columns, and the slope of each of their logits."""
    positive, negative = targets.columns(columns)
    decay = np.exp(-np.abs(logits))
    softplus = np.log1p(decay)
    losses = positive * (softplus + np.maximum(-logits, 0))
    losses += negative * (softplus + np.maximum(logits, 0))
    probability = np.where(logits >= 0, 1.0, decay) / (1 + decay)
    slopes = (positive + negative) * probability - positive
    return losses.sum(axis=0, dtype=np.float64), slopes
