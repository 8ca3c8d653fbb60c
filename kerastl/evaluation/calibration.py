"""Calibrated probabilities: Platt's scale and offset on the logits.

Convention: the calibrated logit is scale * logit + offset, and the scale is above 0, so calibration
never changes how examples are ranked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.optimize
import scipy.special

from kerastl.errors import counted

FEWEST_LABELS = 5
NOT_ASKED_FOR = "evaluation.calibrate: false"
NO_SKILL = "positives have no higher logits than negatives"
_LOG_SCALES = np.linspace(-5, 6, 23)
# Of the logarithm of the scale, before any task is seen. Models of few positives are too certain.
_MEAN, _VARIANCE = -1.0, 0.3
_ROUNDS = 30


@dataclass(frozen=True, kw_only=True)
class Platt:
    """Scale (above 0) and offset of one task's logits."""

    scale: float = 1.0
    offset: float = 0.0
    reason: str | None = None  # why nothing was fitted, or `NO_SKILL`

    @property
    def is_fitted(self) -> bool:
        """Whether scale and offset were fitted to labels."""
        return self.reason in (None, NO_SKILL)


def calibrated_probabilities(
    logits: np.ndarray, scales: Sequence[float], offsets: Sequence[float]
) -> np.ndarray:
    """Returns `sigmoid(scale * logit + offset)`, `(examples, tasks)`.

    Reference:
        Platt (1999), "Probabilistic Outputs for Support Vector Machines"
    """
    scaled = logits.astype(np.float64) * np.asarray(scales) + np.asarray(offsets)
    return scipy.special.expit(scaled)


def fit_platts(labels: np.ndarray, logits: np.ndarray) -> list[Platt]:
    """Fits scale and offset of each task to its known labels.

    The logarithms of the scales have a normal prior, whose mean and variance come from all tasks
    (empirical Bayes): ten positives say little about a scale, but many tasks have similar ones. At
    the offset the mean probability is the share of positives. The targets are Platt's
    `(positives + 1) / (positives + 2)` and `1 / (negatives + 2)`.

    Labels are 1, 0, or NaN if unknown; they and the logits are `(examples, tasks)`.

    Reference:
        Lin, Lin, Weng (2007), https://doi.org/10.1007/s10994-007-5018-6
    """
    curves = []
    for y, z in zip(labels.T, logits.T, strict=True):
        usable = ~np.isnan(y) & np.isfinite(z)
        curves.append(_Likelihood(y=y[usable] == 1, z=z[usable].astype(np.float64)))
    fitted = [curve for curve in curves if curve.reason is None]
    mean, variance = _shared_prior(np.array([curve.losses for curve in fitted]))
    return [
        Platt(reason=curve.reason) if curve.reason else curve.fit(mean, variance)
        for curve in curves
    ]


def unweighted_offset(weight: float, *, label_smoothing: float, share: float) -> float:
    """Returns the offset of the logits that undoes the weight of positives and label smoothing.

    A weight w adds log w to the best logit, whatever the smoothing. Smoothing s turns the share of
    positives among the training labels π, between 0 and 1, into π·(1 − s) + s/2; the difference
    between the logits of both is undone.
    """
    smoothed = share * (1 - label_smoothing) + label_smoothing / 2
    return float(scipy.special.logit(share) - scipy.special.logit(smoothed) - np.log(weight))


@dataclass(frozen=True, kw_only=True)
class _Likelihood:
    """The likelihood of one task's scale, with the best offset for each scale."""

    y: np.ndarray  # bool
    z: np.ndarray

    @property
    def reason(self) -> str | None:
        """Why nothing can be fitted."""
        for count, kind in ((self.y.sum(), "positive"), ((~self.y).sum(), "negative")):
            if count < FEWEST_LABELS:
                return f"{counted(int(count), f'known {kind}')}, {FEWEST_LABELS} are needed"
        return None

    @cached_property
    def targets(self) -> np.ndarray:
        """Platt's targets, which keep the scale finite if the logits separate the classes."""
        positives, negatives = self.y.sum(), (~self.y).sum()
        return np.where(self.y, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    @cached_property
    def losses(self) -> np.ndarray:
        """The negative logarithm of the likelihood at each of `_LOG_SCALES`."""
        return np.array([self._loss(log_scale) for log_scale in _LOG_SCALES])

    def fit(self, mean: float, variance: float) -> Platt:
        """Returns the most probable scale under a prior, and its offset."""

        def loss(log_scale: float) -> float:
            return self._loss(log_scale) + (log_scale - mean) ** 2 / (2 * variance)

        near = _LOG_SCALES[np.argmin(self.losses + (_LOG_SCALES - mean) ** 2 / (2 * variance))]
        step = _LOG_SCALES[1] - _LOG_SCALES[0]
        best = scipy.optimize.minimize_scalar(loss, bounds=(near - step, near + step))
        scale = float(np.exp(best.x))
        has_skill = self.z[self.y].mean() > self.z[~self.y].mean()
        return Platt(
            scale=scale,
            offset=_offset(scale * self.z, self.y.mean()),
            reason=None if has_skill else NO_SKILL,
        )

    def _loss(self, log_scale: float) -> float:
        scaled = np.exp(log_scale) * self.z
        scaled += _offset(scaled, self.targets.mean())
        return float((np.logaddexp(0, scaled) - self.targets * scaled).sum())


def _offset(logits: np.ndarray, mean: float) -> float:
    """Returns the offset at which the mean probability is `mean`."""
    middle = scipy.special.logit(mean)
    found: float = scipy.optimize.brentq(
        lambda offset: scipy.special.expit(logits + offset).mean() - mean,
        middle - logits.max() - 1,
        middle - logits.min() + 1,
        xtol=1e-6,
    )
    return found


def _shared_prior(losses: np.ndarray) -> tuple[float, float]:
    """Returns mean and variance of the logarithms of the scales, for losses `(tasks, scales)`.

    What is assumed before any task is seen counts as one more task.
    """
    mean, variance = _MEAN, _VARIANCE
    for _ in range(_ROUNDS if len(losses) else 0):
        unlikely = losses + (_LOG_SCALES - mean) ** 2 / (2 * variance)
        posterior = scipy.special.softmax(-unlikely, axis=1)
        mean = (float((posterior @ _LOG_SCALES).sum()) + _MEAN) / (len(losses) + 1)
        around = float((posterior @ (_LOG_SCALES - mean) ** 2).sum())
        variance = (around + (mean - _MEAN) ** 2 + _VARIANCE) / (len(losses) + 1)
    return mean, variance


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
