"""Calibrated probabilities: Platt's scale and offset on the logits.

Convention: the calibrated logit is scale * logit + offset, and the scale is above 0, so calibration
never changes how examples are ranked.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.optimize
import scipy.special

FEWEST_LABELS = 10
NO_SKILL = "positives have no higher logits than negatives"


@dataclass(frozen=True, kw_only=True)
class Platt:
    """Scale (above 0) and offset of one task's logits."""

    scale: float = 1.0
    offset: float = 0.0
    reason: str | None = None  # why nothing was fitted; scale and offset are then 1 and 0


def calibrated_probabilities(
    logits: np.ndarray, scales: Sequence[float], offsets: Sequence[float]
) -> np.ndarray:
    """Returns `sigmoid(scale * logit + offset)`, `(examples, tasks)`.

    Reference:
        Platt (1999), "Probabilistic Outputs for Support Vector Machines"
    """
    scaled = logits.astype(np.float64) * np.asarray(scales) + np.asarray(offsets)
    return scipy.special.expit(scaled)


def fit_platt(labels: np.ndarray, logits: np.ndarray) -> Platt:
    """Fits scale and offset by maximum likelihood on the known labels.

    The targets are Platt's `(positives + 1) / (positives + 2)` and `1 / (negatives + 2)`, which
    keep the fit finite if the logits separate the classes. Labels are 1, 0 or NaN for unknown.

    Reference:
        Lin, Lin, Weng (2007), https://doi.org/10.1007/s10994-007-5018-6
    """
    usable = ~np.isnan(labels) & np.isfinite(logits)
    y, z = labels[usable] == 1, logits[usable].astype(np.float64)
    reason = _too_few(int(y.sum()), int((~y).sum()))
    if reason is not None:
        return Platt(reason=reason)
    targets = np.where(y, (y.sum() + 1) / (y.sum() + 2), 1 / ((~y).sum() + 2))
    scale, offset = maximum_likelihood(z, targets)
    if not scale > 0:
        return Platt(reason=NO_SKILL)
    return Platt(scale=scale, offset=offset)


def maximum_likelihood(
    z: np.ndarray, targets: np.ndarray, *, penalty: float = 0.0
) -> tuple[float, float]:
    """Returns the scale and offset of the logits `z` that minimize the mean logistic loss.

    Half the penalty times the squared scale of the standardized logits is added to the sum of the
    losses; above 0 it keeps the fit finite if the logits separate the targets.
    """
    mean, spread = z.mean(), z.std() or 1.0
    x = (z - mean) / spread
    ridge = penalty / len(z)

    def loss_and_gradient(w: np.ndarray) -> tuple[float, np.ndarray]:
        scores = w[0] * x + w[1]
        slopes = scipy.special.expit(scores) - targets
        losses = np.logaddexp(0, scores) - targets * scores
        loss = float(losses.mean()) + ridge * w[0] ** 2 / 2
        return loss, np.array([(slopes * x).mean() + ridge * w[0], slopes.mean()])

    best = scipy.optimize.minimize(
        loss_and_gradient,
        np.array([0.0, scipy.special.logit(targets.mean())]),
        jac=True,
        method="BFGS",
        options={"gtol": 1e-9},
    ).x
    return float(best[0] / spread), float(best[1] - best[0] * mean / spread)


def _too_few(positives: int, negatives: int) -> str | None:
    for count, kind in ((positives, "positives"), (negatives, "negatives")):
        if count < FEWEST_LABELS:
            return f"{count} known {kind}, {FEWEST_LABELS} are needed"
    return None
