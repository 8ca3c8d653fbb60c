"""Decision thresholds, chosen by a policy.

Convention: a probability at or above the threshold is positive. Thresholds are halfway between
neighboring probabilities, so rounding does not change a decision.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kerastl.config.policies import ThresholdPolicy
from kerastl.evaluation import ranking
from kerastl.evaluation.means import divided

DEFAULT = 0.5


@dataclass(frozen=True, kw_only=True)
class ChosenThreshold:
    """A threshold in [0, 1], or the next number above 1 if even a probability of 1 is negative."""

    threshold: float
    note: str | None = None  # why the policy is not met, or at what cost


@dataclass(frozen=True, kw_only=True)
class Steps:
    """Hits and false alarms of each possible threshold, from all negative to all positive."""

    thresholds: np.ndarray  # `(steps,)`, falling
    hits: np.ndarray  # number of positives at or above the threshold
    false_alarms: np.ndarray  # number of negatives at or above it

    @property
    def sensitivity(self) -> np.ndarray:
        """Share of the positives that are called positive."""
        return self.hits / self.hits[-1]

    @property
    def specificity(self) -> np.ndarray:
        """Share of the negatives that are called negative."""
        return 1 - self.false_alarms / self.false_alarms[-1]

    @property
    def precision(self) -> np.ndarray:
        """Share of positives among the examples called positive; NaN if there are none."""
        return divided(self.hits, self.hits + self.false_alarms)

    @property
    def f1(self) -> np.ndarray:
        """Harmonic mean of precision and sensitivity."""
        return 2 * self.hits / (self.hits + self.false_alarms + self.hits[-1])


def choose_threshold(
    labels: np.ndarray, probabilities: np.ndarray, policy: ThresholdPolicy
) -> ChosenThreshold:
    """Chooses the threshold of one task.

    `youden` maximizes sensitivity + specificity, `f1` the F1 score. `sensitivity>=x` is the highest
    threshold with that sensitivity, `specificity>=x` the lowest with that specificity, and
    `precision>=x` the lowest with that precision, or the one with the highest precision if none
    reaches it. `false_accepts_per_hour<=x` needs recordings and is not chosen here.

    Args:
        labels: 1, 0 or NaN for unknown, shape `(examples,)`.
        probabilities: Calibrated and held out, shape `(examples,)`.
        policy: The policy.
    """
    if policy.is_fixed and policy.value is not None:
        return ChosenThreshold(threshold=policy.value)
    usable = ~np.isnan(labels) & np.isfinite(probabilities)
    y, p = labels[usable] == 1, probabilities[usable].astype(np.float64)
    for kind, count in (("positives", y.sum()), ("negatives", (~y).sum())):
        if not count:
            return ChosenThreshold(
                threshold=DEFAULT, note=f"no known {kind} to choose a threshold on, so it is 0.5"
            )
    steps = threshold_steps(y, p)
    if policy.value is None:
        return _best(steps, policy.goal)
    return _GOALS[policy.goal](steps, policy.value)


def threshold_steps(y: np.ndarray, p: np.ndarray) -> Steps:
    """Returns hits and false alarms for labels `y` (bool) and probabilities `p`."""
    order = np.argsort(-p, kind="stable")
    p, y = p[order], y[order]
    ends = np.append(ranking.tie_starts(p)[1:], len(p)) - 1
    values = p[ends]
    lower = np.append(values[1:], 0.0)
    middle = (values + lower) / 2
    thresholds = np.where(middle > lower, middle, values)
    highest = max((values[0] + 1) / 2, np.nextafter(values[0], 2))
    return Steps(
        thresholds=np.concatenate([[highest], thresholds]),
        hits=np.concatenate([[0], np.cumsum(y)[ends]]),
        false_alarms=np.concatenate([[0], np.cumsum(~y)[ends]]),
    )


def _best(steps: Steps, goal: str) -> ChosenThreshold:
    value = steps.f1 if goal == "f1" else steps.sensitivity + steps.specificity
    return ChosenThreshold(threshold=float(steps.thresholds[int(np.argmax(value))]))


def _sensitivity(steps: Steps, target: float) -> ChosenThreshold:
    first = int(np.argmax(steps.sensitivity >= target))
    return ChosenThreshold(threshold=float(steps.thresholds[first]))


def _specificity(steps: Steps, target: float) -> ChosenThreshold:
    last = int(np.flatnonzero(steps.specificity >= target)[-1])
    note = None
    if not steps.hits[last]:
        note = f"a specificity of {target:g} is only reached by missing all positives"
    return ChosenThreshold(threshold=float(steps.thresholds[last]), note=note)


def _precision(steps: Steps, target: float) -> ChosenThreshold:
    precision = np.nan_to_num(steps.precision, nan=-1.0)
    reached = np.flatnonzero(precision >= target)
    if len(reached):
        return ChosenThreshold(threshold=float(steps.thresholds[reached[-1]]))
    best = int(np.flatnonzero(precision == precision.max())[-1])
    return ChosenThreshold(
        threshold=float(steps.thresholds[best]),
        note=f"a precision of {target:g} is never reached; the highest is {precision[best]:.2f}",
    )


_GOALS: dict[str, Callable[[Steps, float], ChosenThreshold]] = {
    "sensitivity": _sensitivity,
    "specificity": _specificity,
    "precision": _precision,
}
