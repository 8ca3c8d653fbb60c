"""Decision thresholds, chosen by a policy.

Convention: a probability at or above the threshold is positive. Thresholds are halfway between
neighboring probabilities, so rounding does not change a decision.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from kerastl.config.policies import ThresholdPolicy
from kerastl.evaluation import ranking
from kerastl.evaluation.bounds import LEVEL, SELECTED_LEVEL, Share, design_effects, similarity
from kerastl.evaluation.means import divided
from kerastl.evaluation.promises import Price, Promise

DEFAULT = 0.5
_QUANTITIES = {  # and what their bounds rest on
    "sensitivity": "positives",
    "specificity": "negatives",
    "precision": "known labels",
}


@dataclass(frozen=True, kw_only=True)
class ChosenThreshold:
    """A threshold in [0, 1], or the next number above 1 if even a probability of 1 is negative."""

    threshold: float
    note: str | None = None  # why the policy is not met, or at what cost
    bounds: Mapping[str, float] = field(default_factory=dict)  # lower, of sensitivity and others
    promise: Promise | None = None  # None if the policy names no share or rate


@dataclass(frozen=True, kw_only=True)
class Steps:
    """Hits and false alarms of each possible threshold, from all negative to all positive."""

    thresholds: np.ndarray  # `(steps,)`, falling
    hits: np.ndarray  # number of positives at or above the threshold
    false_alarms: np.ndarray  # number of negatives at or above it

    @property
    def called(self) -> np.ndarray:
        """Number of examples called positive."""
        return np.asarray(self.hits + self.false_alarms)

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
        return divided(self.hits, self.called)

    @property
    def f1(self) -> np.ndarray:
        """Harmonic mean of precision and sensitivity."""
        return 2 * self.hits / (self.called + self.hits[-1])


def choose_threshold(
    labels: np.ndarray,
    probabilities: np.ndarray,
    policy: ThresholdPolicy,
    *,
    groups: np.ndarray | None = None,
) -> ChosenThreshold:
    """Chooses the threshold of one task.

    `youden` maximizes sensitivity + specificity, `f1` the F1 score. `sensitivity~x` is the highest
    threshold with that sensitivity, `specificity~x` the lowest with that specificity, and
    `precision~x` the lowest with that precision, or the one with the highest precision if none
    reaches it. With `>=` instead of `~` the lower bound reaches x, not the share on these labels;
    if no threshold does, the threshold is that of `~`, and a note says so.

    Labels are 1, 0 or NaN for unknown, probabilities calibrated and held out, both `(examples,)`.
    Examples of a group are not independent; without groups all are. A policy that needs recordings
    is not possible here.
    """
    usable = ~np.isnan(labels) & np.isfinite(probabilities)
    y, p = labels[usable] == 1, probabilities[usable].astype(np.float64)
    for kind, count in (("positives", y.sum()), ("negatives", (~y).sum())):
        if not count and policy.is_fixed and policy.value is not None:
            return ChosenThreshold(threshold=policy.value)
        if not count:
            note = f"no known {kind} to choose a threshold on, so it is 0.5"
            return ChosenThreshold(threshold=DEFAULT, note=note)
    steps = threshold_steps(y, p)
    shares = _shares(steps, y, p, None if groups is None else np.asarray(groups)[usable])
    if policy.goal in _QUANTITIES:
        return _with_promise(steps, shares, policy)
    if policy.value is not None:
        step = int(np.searchsorted(steps.called, np.sum(p >= policy.value)))
        return ChosenThreshold(threshold=policy.value, bounds=_bounds(shares, step))
    score = steps.f1 if policy.goal == "f1" else steps.sensitivity + steps.specificity
    step = int(np.argmax(score))
    return ChosenThreshold(
        threshold=float(steps.thresholds[step]), bounds=_bounds(shares, step, SELECTED_LEVEL)
    )


def threshold_steps(y: np.ndarray, p: np.ndarray) -> Steps:
    """Returns hits and false alarms for labels `y` (bool) and probabilities `p`."""
    order = np.argsort(-p, kind="stable")
    p, y = p[order], y[order]
    ends = np.append(ranking.tie_starts(p)[1:], len(p)) - 1
    return Steps(
        thresholds=ranking.halfway_thresholds(p[ends]),
        hits=np.concatenate([[0], np.cumsum(y)[ends]]),
        false_alarms=np.concatenate([[0], np.cumsum(~y)[ends]]),
    )


def _shares(
    steps: Steps, y: np.ndarray, p: np.ndarray, groups: np.ndarray | None
) -> dict[str, Share]:
    groups = np.arange(len(y)) if groups is None else np.unique(groups, return_inverse=True)[1]
    negatives = steps.false_alarms[-1]
    of_called = design_effects(groups[np.argsort(-p, kind="stable")], similarity(y * 1.0, groups))
    return {
        "sensitivity": Share(
            successes=steps.hits,
            trials=np.full(len(steps.hits), steps.hits[-1]),
            design_effect=_design_effect(p[y], groups[y], len(steps.hits)),
            starts_at=-1,
        ),
        "specificity": Share(
            successes=negatives - steps.false_alarms,
            trials=np.full(len(steps.hits), negatives),
            design_effect=_design_effect(p[~y], groups[~y], len(steps.hits)),
            starts_at=0,
        ),
        "precision": Share(
            successes=steps.hits,
            trials=steps.called,
            design_effect=np.append(1.0, of_called)[steps.called],
            starts_at=0,
        ),
    }


def _design_effect(p: np.ndarray, groups: np.ndarray, num_steps: int) -> np.ndarray:
    """Returns the design effect of all examples of a class, by the ranks of their probabilities."""
    _, places, counts = np.unique(p, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return np.full(num_steps, design_effects(groups, similarity(ranks, groups))[-1])


def _bounds(shares: Mapping[str, Share], step: int, level: float = LEVEL) -> dict[str, float]:
    return {name: share.bound(step, level) for name, share in shares.items()}


def _with_promise(
    steps: Steps, shares: Mapping[str, Share], policy: ThresholdPolicy
) -> ChosenThreshold:
    target, share = policy.value or 0.0, shares[policy.goal]
    point, note = _point_choice(steps, policy.goal, target)
    promising = share.promising_step(target) if policy.is_promise else None
    step = point if promising is None else promising
    promise = _promise(steps, share, policy, step, promising is not None)
    if promise.is_promised:
        note = _extreme(steps, step, policy)
        quantity = "specificity" if policy.goal == "sensitivity" else "sensitivity"
        value, usual = (float(getattr(steps, quantity)[one]) for one in (step, point))
        price = Price(quantity=quantity, value=value, at_point_choice=usual)
        promise = replace(promise, price=price)
    elif policy.is_promise:
        note = "; ".join(filter(None, [_not_promised(promise, policy, steps), note]))
    return ChosenThreshold(
        threshold=float(steps.thresholds[step]),
        note=note,
        bounds=_bounds(shares, step),
        promise=promise,
    )


def _promise(
    steps: Steps, share: Share, policy: ThresholdPolicy, step: int, is_promised: bool
) -> Promise:
    target = policy.value or 0.0
    totals = {"positives": steps.hits[-1], "negatives": steps.false_alarms[-1]}
    unit = _QUANTITIES[policy.goal]
    count = int(totals.get(unit, steps.called[-1]))
    times = share.needed_times(target) if policy.is_promise and not is_promised else None
    return Promise(
        quantity=policy.goal,
        limit=target,
        is_promised=is_promised if policy.is_promise else None,
        value=float(getattr(steps, policy.goal)[step]),
        bound=share.bound(step),
        count=count,
        unit=unit,
        effective=count / float(share.design_effect[step]),
        needed=None if times is None else math.ceil(round(times * count, 2)),
    )


def _not_promised(promise: Promise, policy: ThresholdPolicy, steps: Steps) -> str:
    worth = round(promise.effective)
    groups = f", worth {worth} independent ones," if worth < promise.count else ""
    enough = "no number of labels like these would be enough"
    if promise.needed is not None:
        positives = math.ceil(promise.needed * steps.hits[-1] / promise.count)
        of_them = f", {positives:,} of them positive," if policy.goal == "precision" else ""
        enough = f"about {promise.needed:,} {promise.unit}{of_them} are needed"
    return (
        f"{policy} is not promised: {promise.count:,} {promise.unit}{groups} show a "
        f"{promise.quantity} of at least {promise.bound:.3f} in new data, and {enough}; the "
        f"threshold is that of {policy.point_choice}"
    )


def _extreme(steps: Steps, step: int, policy: ThresholdPolicy) -> str | None:
    share = f"a {policy.goal} of {policy.value:g}"
    if not steps.hits[step]:
        return f"{share} is only reached by missing all positives"
    if steps.called[step] == steps.called[-1]:
        return f"{share} is only promised by calling every example positive"
    return None


def _point_choice(steps: Steps, goal: str, target: float) -> tuple[int, str | None]:
    """Returns the step of the policy with `~`, and a note if the target costs much or is missed."""
    values = np.nan_to_num(getattr(steps, goal), nan=-1.0)
    reached = np.flatnonzero(values >= target)
    if goal == "sensitivity":
        return int(reached[0]), None
    if not len(reached):
        best = int(np.flatnonzero(values == values.max())[-1])
        return best, f"a {goal} of {target:g} is never reached; the highest is {values[best]:.2f}"
    last = int(reached[-1])
    if steps.hits[last]:
        return last, None
    return last, f"a {goal} of {target:g} is only reached by missing all positives"
