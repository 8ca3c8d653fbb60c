"""Paired differences between models that are scored on the same draws of the same examples.

Convention: a difference is the first model minus the second; its interval covers two kinds of
chance, the draw of the test groups and the draw of the trainings.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from kerastl.evaluation.intervals import FEWEST_GROUPS, interval
from kerastl.evaluation.means import mean_of_defined, means_of_defined
from kerastl.evaluation.replicates import ReplicatedScore


@dataclass(frozen=True, kw_only=True)
class PairedDifference:
    """How much higher a score of the first model is than that of the second.

    Args:
        value: Mean over the trainings; NaN if undefined.
        interval: 95 % interval, None with fewer than 20 groups.
        by_training: Difference of each training.
        p_value: Two-sided, from the spread of the replicates; NaN if undefined.
    """

    value: float
    interval: tuple[float, float] | None
    by_training: tuple[float, ...]
    p_value: float


def paired_difference(
    first: Sequence[Sequence[ReplicatedScore]],
    second: Sequence[Sequence[ReplicatedScore]],
    *,
    num_groups: int,
    seed: int,
) -> PairedDifference:
    """Returns the difference of the mean over tasks.

    With several trainings of each model the difference is their mean, and each replicate draws
    trainings as well as groups.

    Args:
        first: Scores of each training of the first model, one for each task.
        second: Scores of the second model, paired by position.
        num_groups: Number of groups; with fewer than 20 there is no interval.
        seed: Seed of the draw of trainings.
    """
    pairs = [list(zip(a, b, strict=True)) for a, b in zip(first, second, strict=True)]
    values = [mean_of_defined([a.value - b.value for a, b in tasks]) for tasks in pairs]
    by_training = [means_of_defined([a.replicates - b.replicates for a, b in t]) for t in pairs]
    averaged = _draw_trainings(np.stack(by_training), seed)
    value = float(np.mean(values))
    has_interval = num_groups >= FEWEST_GROUPS
    return PairedDifference(
        value=value,
        interval=interval(averaged) if has_interval else None,
        by_training=tuple(values),
        p_value=_p_value(value, averaged) if has_interval else float("nan"),
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
