"""Scores of one task on the examples as they are and under many draws of the groups."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kerastl.evaluation import ranking
from kerastl.evaluation.intervals import Draws
from kerastl.evaluation.means import divided

_LEAST = 1e-15


@dataclass(frozen=True, kw_only=True)
class ReplicatedScore:
    """One score of one task.

    Args:
        value: On the examples as they are, NaN if undefined.
        replicates: Under each draw, `(replicates,)`, NaN if undefined.
    """

    value: float
    replicates: np.ndarray


def replicated_auc(labels: np.ndarray, scores: np.ndarray, draws: Draws) -> ReplicatedScore:
    """Returns the area under the ROC curve.

    Args:
        labels: 1, 0 or NaN for unknown, `(examples,)`.
        scores: Higher means more likely positive, `(examples,)`.
        draws: The draws of the groups.
    """
    rows = np.flatnonzero(~np.isnan(labels))
    rows = rows[np.argsort(-scores[rows], kind="stable")]
    starts = ranking.tie_starts(scores[rows]) if len(rows) else rows
    y = labels[rows]

    def areas(weights: np.ndarray) -> np.ndarray:
        positives = np.add.reduceat(weights * y, starts, axis=1)
        negatives = np.add.reduceat(weights * (1 - y), starts, axis=1)
        return ranking.areas(positives, negatives)[0]

    return _replicated(areas, rows, draws)


def replicated_log_loss(
    labels: np.ndarray, probabilities: np.ndarray, draws: Draws
) -> ReplicatedScore:
    """Returns the mean logistic loss of the known labels, in nats.

    Args:
        labels: 1, 0 or NaN for unknown, `(examples,)`.
        probabilities: `(examples,)`.
        draws: The draws of the groups.
    """
    rows = np.flatnonzero(~np.isnan(labels))
    p = np.clip(probabilities[rows], _LEAST, 1 - _LEAST)
    losses = -np.log(np.where(labels[rows] >= 0.5, p, 1 - p))
    return _replicated(lambda w: divided(w @ losses, w.sum(axis=1)), rows, draws)


def _replicated(
    score: Callable[[np.ndarray], np.ndarray], rows: np.ndarray, draws: Draws
) -> ReplicatedScore:
    if not len(rows):
        return ReplicatedScore(value=float("nan"), replicates=np.full(len(draws.counts), np.nan))
    parts = [score(weights) for weights in draws.weights(rows)]
    return ReplicatedScore(
        value=float(score(np.ones((1, len(rows))))[0]),
        replicates=np.concatenate(parts) if parts else np.zeros(0),
    )
