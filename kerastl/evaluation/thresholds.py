"""From a probability to a decision: the threshold that a policy chooses.

Convention: a probability at or above the threshold is a yes; thresholds lie halfway between
neighboring probabilities, so that rounding moves no example across.
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
    """A threshold and what is to be said about it.

    Args:
        threshold: In [0, 1], or the next number above 1 where even a probability of 1 is a no.
        note: Why it isn't what was asked for, or what it costs; None where it simply is.
    """

    threshold: float
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class Steps:
    """What each possible threshold does, from "no to all" down to "yes to all".

    Args:
        thresholds: `(steps,)`, falling.
        hits: Positives at or above the threshold, `(steps,)`.
        false_alarms: Negatives at or above it, `(steps,)`.
    """

    thresholds: np.ndarray
    hits: np.ndarray
    false_alarms: np.ndarray

    @property
    def sensitivity(self) -> np.ndarray:
        """Share of the positives that are found."""
        return self.hits / self.hits[-1]

    @property
    def specificity(self) -> np.ndarray:
        """Share of the negatives that are left alone."""
        return 1 - self.false_alarms / self.false_alarms[-1]

    @property
    def precision(self) -> np.ndarray:
        """Share of positives among what is called; NaN where nothing is."""
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
    reaches it.

    Args:
        labels: 1, 0 or NaN for unknown, shape `(examples,)`.
        probabilities: Calibrated and held out, shape `(examples,)`.
        policy: Any but `false_accepts_per_hour<=x`, which needs recordings.
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
    """Returns what each possible threshold does.

    Args:
        y: True where positive, shape `(examples,)`.
        p: Probabilities, shape `(examples,)`.
    """
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
        note = f"a specificity of {target:g} is only reached by finding none of the positives"
    return ChosenThreshold(threshold=float(steps.thresholds[last]), note=note)


def _precision(steps: Steps, target: float) -> ChosenThreshold:
    precision = np.nan_to_num(steps.precision, nan=-1.0)
    reached = np.flatnonzero(precision >= target)
    if len(reached):
        return ChosenThreshold(threshold=float(steps.thresholds[reached[-1]]))
    best = int(np.flatnonzero(precision == precision.max())[-1])
    return ChosenThreshold(
        threshold=float(steps.thresholds[best]),
        note=f"a precision of {target:g} is never reached; {precision[best]:.2f} is the highest",
    )


_GOALS: dict[str, Callable[[Steps, float], ChosenThreshold]] = {
    "sensitivity": _sensitivity,
    "specificity": _specificity,
    "precision": _precision,
}
