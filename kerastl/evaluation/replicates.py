"""Scores of one task under many draws of the groups.

Convention: with None in the place of draws the examples count as they are, once each.
"""

from collections.abc import Iterable

import numpy as np

from kerastl.evaluation import ranking
from kerastl.evaluation.intervals import Draws
from kerastl.evaluation.means import divided

_LEAST = 1e-15


def auc_under(labels: np.ndarray, scores: np.ndarray, draws: Draws | None) -> np.ndarray:
    """Returns the area under the ROC curve under each draw, `(replicates,)`, NaN where undefined.

    Args:
        labels: 1, 0 or NaN for unknown, `(examples,)`.
        scores: Higher means more likely yes.
        draws: None scores the examples as they are.
    """
    rows = np.flatnonzero(~np.isnan(labels))
    rows = rows[np.argsort(-scores[rows], kind="stable")]
    if not len(rows) or not _count(draws):
        return np.full(_count(draws), np.nan)
    starts, y = ranking.tie_starts(scores[rows]), labels[rows]
    found = []
    for weights in _weights(rows, draws):
        positives = np.add.reduceat(weights * y, starts, axis=1)
        negatives = np.add.reduceat(weights * (1 - y), starts, axis=1)
        found.append(ranking.areas(positives, negatives)[0])
    return np.concatenate(found)


def log_loss_under(
    labels: np.ndarray, probabilities: np.ndarray, draws: Draws | None
) -> np.ndarray:
    """Returns the mean logistic loss of the known labels, in nats, under each draw."""
    rows = np.flatnonzero(~np.isnan(labels))
    p = np.clip(probabilities[rows], _LEAST, 1 - _LEAST)
    losses = -np.log(np.where(labels[rows] >= 0.5, p, 1 - p))
    found = [divided(weights @ losses, weights.sum(axis=1)) for weights in _weights(rows, draws)]
    return np.concatenate(found) if found else np.full(_count(draws), np.nan)


def _weights(rows: np.ndarray, draws: Draws | None) -> Iterable[np.ndarray]:
    return [np.ones((1, len(rows)))] if draws is None else draws.weights(rows)


def _count(draws: Draws | None) -> int:
    return 1 if draws is None else len(draws.counts)
