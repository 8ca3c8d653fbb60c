"""From paired differences to verdicts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import false_discovery_control

from kerastl.compare.paired_scores import TrialScores
from kerastl.evaluation.differences import paired_difference
from kerastl.records import unstored

HELPS = "helps"
NO_DIFFERENCE = "no difference seen"
HURTS = "hurts"
NO_VERDICT = "no verdict"
FALSE_DISCOVERY_RATE = 0.05
_SIGNS = {"auc": 1, "log_loss": -1}  # 1 if higher is better


@dataclass(frozen=True, kw_only=True)
class ScoreDifference:
    """How much higher a score of the first variant is than that of the second.

    Args:
        difference: Mean over the trainings; NaN if undefined.
        interval: 95 % interval, None with too few groups.
        by_seed: Difference of each training.
        verdict: What the interval says of the first variant.
        p_value: Two-sided; NaN if undefined.
    """

    difference: float
    interval: tuple[float, float] | None
    by_seed: tuple[float, ...]
    verdict: str
    p_value: float = unstored(float("nan"))


@dataclass(frozen=True, kw_only=True)
class ScoreDifferences:
    """The differences of all scores of one task, or of the mean over tasks."""

    auc: ScoreDifference
    log_loss: ScoreDifference


def differences(
    first: Sequence[TrialScores],
    second: Sequence[TrialScores],
    tasks: Sequence[str],
    *,
    num_groups: int,
    seed: int,
) -> ScoreDifferences:
    """Returns the differences of the mean over tasks.

    Args:
        first: Scores of the first variant, one for each seed.
        second: Scores of the second variant, with the same seeds.
        tasks: Tasks over which the mean is taken; one gives the difference on that task.
        num_groups: Number of groups in the test; with fewer than 20 there is no interval.
        seed: Seed of the draw of trainings.
    """
    return ScoreDifferences(
        **{
            name: _difference(name, first, second, tasks, num_groups=num_groups, seed=seed)
            for name in _SIGNS
        }
    )


def holds_after_correction(p_values: Sequence[float]) -> list[bool]:
    """Returns which differences remain if 5 % of the remaining ones may be false.

    Reference:
        Benjamini, Hochberg (1995), https://doi.org/10.1111/j.2517-6161.1995.tb02031.x
    """
    values = np.asarray(p_values, np.float64)
    holds = np.zeros(len(values), bool)
    defined = ~np.isnan(values)
    if defined.any():
        holds[defined] = false_discovery_control(values[defined]) <= FALSE_DISCOVERY_RATE
    return [bool(one) for one in holds]


def _difference(
    name: str,
    first: Sequence[TrialScores],
    second: Sequence[TrialScores],
    tasks: Sequence[str],
    *,
    num_groups: int,
    seed: int,
) -> ScoreDifference:
    found = paired_difference(
        [[scores[task][name] for task in tasks] for scores in first],
        [[scores[task][name] for task in tasks] for scores in second],
        num_groups=num_groups,
        seed=seed,
    )
    return ScoreDifference(
        difference=found.value,
        interval=found.interval,
        by_seed=found.by_training,
        verdict=verdict(found.value, found.interval, sign=_SIGNS[name]),
        p_value=found.p_value,
    )


def verdict(value: float, interval: tuple[float, float] | None, *, sign: int) -> str:
    """Returns what an interval says of the first variant.

    Args:
        value: The difference.
        interval: Its interval, or None.
        sign: 1 if higher is better, -1 if lower is.
    """
    if interval is None or np.isnan(value):
        return NO_VERDICT
    low, high = sorted(end * sign for end in interval)
    return HELPS if low > 0 else HURTS if high < 0 else NO_DIFFERENCE
