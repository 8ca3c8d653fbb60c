"""One-sided bounds of shares in new data, with 90 % confidence.

Convention: examples of one group are not independent, so they count as fewer: their number is
divided by the design effect before a bound is computed.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.special

LEVEL = 0.9
SELECTED_LEVEL = 0.975  # so that 90 % hold at a threshold that maximizes a score of the same labels
_MOST_TIMES = 1000.0  # the labels at hand, in the search for how many are needed
_FEWEST_TRIALS = 10  # at hand, of a precision that more labels are supposed to confirm


@dataclass(frozen=True, kw_only=True)
class Share:
    """A share at each possible threshold, from all negative to all positive, each `(steps,)`."""

    successes: np.ndarray
    trials: np.ndarray
    design_effect: np.ndarray  # number of examples that are worth one independent example
    starts_at: int  # step of the strictest threshold for this share: 0 or -1

    def bound(self, step: int, level: float = LEVEL) -> float:
        """Returns the lower bound at one step, 0 without successes."""
        successes, trials = self._counts(step)
        return lower_bound(successes, trials, level) if successes > 0 else 0.0

    def promising_step(self, target: float, *, times: float = 1.0) -> int | None:
        """Returns the last of the steps whose bound reaches the target, None if there is none.

        The steps are tested in a fixed order and up to the first that fails, so that the promise
        holds although many thresholds are tested. Thresholds with too few trials to forgive one
        failure are not tested, unless all of them have the same trials. The number of examples is
        multiplied by `times`.

        Reference:
            Angelopoulos et al. (2021), "Learn then Test", arXiv:2110.01052
        """
        steps = np.arange(len(self.trials))[:: 1 if self.starts_at == 0 else -1]
        successes, trials = (times * counts for counts in self._counts(steps))
        if np.ptp(self.trials):
            tested = _reaches(np.maximum(trials - 1, 0), trials, target)
            tested &= (times == 1) | (trials >= times * _FEWEST_TRIALS)
            steps, successes, trials = steps[tested], successes[tested], trials[tested]
        passed = _reaches(successes, trials, target)
        count = len(passed) if passed.all() else int(np.argmin(passed))
        return int(steps[count - 1]) if count else None

    def needed_times(self, target: float) -> float | None:
        """Returns by what to multiply the number of examples for a promise; None: nothing helps."""
        low, high = 0.0, np.log(_MOST_TIMES)
        if self.promising_step(target, times=_MOST_TIMES) is None:
            return None
        while high - low > 1e-4:
            middle = (low + high) / 2
            is_enough = self.promising_step(target, times=float(np.exp(middle))) is not None
            low, high = (low, middle) if is_enough else (middle, high)
        return float(np.exp(high))

    def _counts(self, steps: Any) -> tuple[Any, Any]:
        effect = self.design_effect[steps]
        return self.successes[steps] / effect, self.trials[steps] / effect


def lower_bound(successes: float, trials: float, level: float = LEVEL) -> float:
    """Returns the one-sided lower bound of a share; the counts need not be whole.

    Reference:
        Clopper, Pearson (1934), "The Use of Confidence or Fiducial Limits Illustrated in the Case
        of the Binomial"
    """
    return float(scipy.special.betaincinv(successes, trials - successes + 1, 1 - level))


def similarity(values: np.ndarray, groups: np.ndarray) -> float:
    """Returns the intraclass correlation of the examples' values within groups, from 0 to 1.

    Reference:
        Donner (1986), "A Review of Inference Procedures for the Intraclass Correlation
        Coefficient in the One-Way Random Effects Model"
    """
    _, groups, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    count, num_groups = len(values), len(sizes)
    if num_groups == count:
        return 0.0
    if num_groups == 1 or not np.ptp(values):
        return 1.0
    means = np.bincount(groups, values) / sizes
    between = (sizes * (means - values.mean()) ** 2).sum() / (num_groups - 1)
    within = ((values - means[groups]) ** 2).sum() / (count - num_groups)
    size = (count - (sizes**2).sum() / count) / (num_groups - 1)
    return float(np.clip((between - within) / (between + (size - 1) * within), 0, 1))


def design_effects(groups: np.ndarray, correlation: float) -> np.ndarray:
    """Returns the design effect of the first 1, 2, ... examples, at least 1, `(examples,)`.

    Reference:
        Kish (1965), "Survey Sampling"
    """
    order = np.argsort(groups, kind="stable")
    firsts = np.flatnonzero(np.diff(groups[order], prepend=groups[order][:1] - 1))
    sizes = np.diff(np.append(firsts, len(groups)))
    earlier = np.empty(len(groups))  # examples of the same group before each example
    earlier[order] = np.arange(len(groups)) - np.repeat(firsts, sizes)
    mean_size = np.cumsum(2 * earlier + 1) / np.arange(1, len(groups) + 1)
    return np.asarray(1 + (mean_size - 1) * correlation)


def _reaches(successes: np.ndarray, trials: np.ndarray, target: float) -> np.ndarray:
    """Returns whether the lower bounds reach a share: `lower_bound` without inverting."""
    if target >= 1:
        return np.zeros(len(trials), bool)
    chance = scipy.special.betainc(np.maximum(successes, 1e-9), trials - successes + 1, target)
    return np.asarray((successes > 0) & (chance <= 1 - LEVEL))
