"""Scores under many draws of the groups, and paired differences of them between two models.

Convention: a difference is the first model minus the second; its interval covers two kinds of
chance, the draw of the test groups and the draw of the trainings.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from kerastl.evaluation import ranking
from kerastl.evaluation.intervals import FEWEST_GROUPS, Draws, interval
from kerastl.evaluation.means import divided, mean_of_defined, means_of_defined

_LEAST = 1e-15


@dataclass(frozen=True, kw_only=True)
class ReplicatedScore:
    """One score of one task on the examples as they are, and its replicates; NaN if undefined."""

    value: float
    replicates: np.ndarray  # under each draw of the groups, `(replicates,)`


@dataclass(frozen=True, kw_only=True)
class PairedDifference:
    """How much higher a score of the first model is than that of the second; NaN if undefined."""

    value: float  # mean over the trainings
    interval: tuple[float, float] | None  # 95 %; None with fewer than 20 groups
    by_training: tuple[float, ...]
    p_value: float  # two-sided, from the spread of the replicates


def replicated_auc(labels: np.ndarray, scores: np.ndarray, draws: Draws) -> ReplicatedScore:
    """Returns the area under the ROC curve of one task; unknown labels are NaN."""
    rows = np.flatnonzero(~np.isnan(labels))
    rows = rows[np.argsort(-scores[rows], kind="stable")]
    starts = ranking.tie_starts(scores[rows]) if len(rows) else rows
    y = labels[rows]

    def areas(weights: np.ndarray) -> np.ndarray:
        positives = np.add.reduceat(weights * y, starts, axis=1)
        negatives = np.add.reduceat(weights * (1 - y), starts, axis=1)
        return ranking.areas(positives, negatives)[0]

    return _replicated(areas, rows, draws)


def replicated_log_loss(
    labels: np.ndarray, probabilities: np.ndarray, draws: Draws
) -> ReplicatedScore:
    """Returns the mean logistic loss of the known labels (others are NaN), in nats."""
    rows = np.flatnonzero(~np.isnan(labels))
    p = np.clip(probabilities[rows], _LEAST, 1 - _LEAST)
    losses = -np.log(np.where(labels[rows] >= 0.5, p, 1 - p))
    return _replicated(lambda w: divided(w @ losses, w.sum(axis=1)), rows, draws)


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


def _replicated(
    score: Callable[[np.ndarray], np.ndarray], rows: np.ndarray, draws: Draws
) -> ReplicatedScore:
    if not len(rows):
        return ReplicatedScore(value=float("nan"), replicates=np.full(len(draws.counts), np.nan))
    parts = [score(weights) for weights in draws.weights(rows)]
    return ReplicatedScore(
        value=float(score(np.ones((1, len(rows))))[0]),
        replicates=np.concatenate(parts) if parts else np.zeros(0),
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
