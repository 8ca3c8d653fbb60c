"""From scores to differences with intervals, and from intervals to verdicts.

Convention: a difference is the first side minus the second; its interval holds two kinds of chance,
the draw of the test groups and the draw of the trainings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import false_discovery_control, norm

from kerastl.compare.scores import SCORES, Score
from kerastl.evaluation.intervals import FEWEST_GROUPS, interval

HELPS = "helps"
NO_DIFFERENCE = "no difference seen"
HURTS = "hurts"
NO_VERDICT = "no verdict"
FALSE_DISCOVERY_RATE = 0.05
_DIRECTIONS = {"auc": 1, "log_loss": -1}

ArmScores = Mapping[str, Mapping[str, Score]]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How much higher a score of the first side is than that of the second.

    Args:
        score: `"auc"` or `"log_loss"`.
        value: Mean over the trainings; NaN where undefined.
        interval: 95 %, None where there are too few groups.
        by_seed: Of each training.
        p_value: Two-sided, from the spread of the replicates; NaN where undefined.
    """

    score: str
    value: float
    interval: tuple[float, float] | None
    by_seed: tuple[float, ...]
    p_value: float

    @property
    def verdict(self) -> str:
        """What the interval says of the first side."""
        if self.interval is None or np.isnan(self.value):
            return NO_VERDICT
        low, high = sorted(end * _DIRECTIONS[self.score] for end in self.interval)
        return HELPS if low > 0 else HURTS if high < 0 else NO_DIFFERENCE

    def as_values(self) -> dict[str, Any]:
        """Returns plain values for JSON."""
        return {
            "difference": self.value,
            "interval": None if self.interval is None else list(self.interval),
            "by_seed": list(self.by_seed),
            "verdict": self.verdict,
        }


def differences(
    first: Sequence[ArmScores],
    second: Sequence[ArmScores],
    tasks: Sequence[str],
    *,
    num_groups: int,
    seed: int,
) -> dict[str, Difference]:
    """Returns name of the score to the difference of its mean over tasks.

    Args:
        first: Scores of the first side, one per seed: task to name to score.
        second: Scores of the second side, with the same seeds.
        tasks: Those over which the mean is taken; one gives the difference on that task.
        num_groups: Number of groups in the test; with fewer than 20 there is no interval.
        seed: Seed of the draw of trainings.
    """
    return {
        name: _difference(name, first, second, tasks, num_groups=num_groups, seed=seed)
        for name in SCORES
    }


def holds_after_correction(p_values: Sequence[float]) -> list[bool]:
    """Returns which differences remain when 5 % of those that are called so may be false.

    Reference:
        Benjamini, Hochberg (1995), https://doi.org/10.1111/j.2517-6161.1995.tb02031.x
    """
    defined = [place for place, p in enumerate(p_values) if not np.isnan(p)]
    if not defined:
        return [False] * len(p_values)
    adjusted = false_discovery_control([p_values[place] for place in defined])
    found = {
        place: bool(p <= FALSE_DISCOVERY_RATE) for place, p in zip(defined, adjusted, strict=True)
    }
    return [found.get(place, False) for place in range(len(p_values))]


def _difference(
    name: str,
    first: Sequence[ArmScores],
    second: Sequence[ArmScores],
    tasks: Sequence[str],
    *,
    num_groups: int,
    seed: int,
) -> Difference:
    pairs = list(zip(first, second, strict=True))
    values = [_mean([a[t][name].value - b[t][name].value for t in tasks]) for a, b in pairs]
    by_training = np.stack(
        [
            _mean_over_tasks([a[t][name].replicates - b[t][name].replicates for t in tasks])
            for a, b in pairs
        ]
    )
    averaged = _draw_trainings(by_training, seed)
    enough = num_groups >= FEWEST_GROUPS
    return Difference(
        score=name,
        value=float(np.mean(values)),
        interval=interval(averaged) if enough else None,
        by_seed=tuple(float(value) for value in values),
        p_value=_p_value(float(np.mean(values)), averaged) if enough else float("nan"),
    )


def _draw_trainings(by_training: np.ndarray, seed: int) -> np.ndarray:
    """Returns for each replicate the mean over trainings that are drawn with replacement."""
    random = np.random.default_rng(seed)
    drawn = random.integers(len(by_training), size=by_training.shape)
    averaged: np.ndarray = np.take_along_axis(by_training, drawn, axis=0).mean(axis=0)
    return averaged


def _p_value(value: float, replicates: np.ndarray) -> float:
    spread = float(np.nanstd(replicates)) if np.isfinite(replicates).any() else 0.0
    if not spread or np.isnan(value):
        return 1.0 if value == 0 else float("nan")
    return float(2 * norm.sf(abs(value) / spread))


def _mean(values: Sequence[float]) -> float:
    """The mean over the tasks where it is defined."""
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")


def _mean_over_tasks(replicates: Sequence[np.ndarray]) -> np.ndarray:
    stacked = np.stack(replicates)
    defined = ~np.isnan(stacked)
    total, count = np.where(defined, stacked, 0).sum(axis=0), defined.sum(axis=0)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
