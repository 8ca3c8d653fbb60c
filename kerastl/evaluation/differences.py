"""Scores under many draws of the groups, and paired differences of them between two models.

Convention: a difference is the first model minus the second. Its variance has a part from the draw
of the test groups and a part from the trainings, estimated separately: drawing both in one
bootstrap would count their interaction twice.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.special

from kerastl.evaluation import ranking
from kerastl.evaluation.intervals import FEWEST_GROUPS, Draws
from kerastl.evaluation.means import divided, mean_of_defined, means_of_defined

_LEAST = 1e-15
_LEVEL = 0.95


@dataclass(frozen=True, kw_only=True)
class ReplicatedScore:
    """One score of one task on the examples as they are, and its replicates; NaN if undefined."""

    value: float
    replicates: np.ndarray  # under each draw of the groups, `(replicates,)`
    groups: int  # with known labels
    rarer_groups: int  # with known labels of the rarer class


@dataclass(frozen=True, kw_only=True)
class PairedDifference:
    """How much higher a score of the first model is than that of the second; NaN if undefined.

    With a single training of each model, interval and p-value hold for these two trained models
    only: nothing is known about how much trainings differ.
    """

    value: float  # mean over the trainings
    interval: tuple[float, float] | None  # 95 %; None with fewer than 20 groups
    by_training: tuple[float, ...]
    p_value: float  # two-sided; NaN without an interval


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

    return _replicated(areas, y, rows, draws)


def replicated_log_loss(
    labels: np.ndarray, probabilities: np.ndarray, draws: Draws
) -> ReplicatedScore:
    """Returns the mean logistic loss of the known labels (others are NaN), in nats."""
    rows = np.flatnonzero(~np.isnan(labels))
    y = labels[rows]
    p = np.clip(probabilities[rows], _LEAST, 1 - _LEAST)
    losses = -np.log(np.where(y >= 0.5, p, 1 - p))
    return _replicated(lambda w: divided(w @ losses, w.sum(axis=1)), y, rows, draws)


def paired_difference(
    first: Sequence[Sequence[ReplicatedScore]], second: Sequence[Sequence[ReplicatedScore]]
) -> PairedDifference:
    """Returns the difference of the mean over tasks, which is averaged over the trainings.

    Both arguments are the scores of each training of a model, one for each task, in pairs.
    The interval is that of Student's t. With `S` trainings, the variance is that of the mean
    difference over the draws of the groups, plus `1/S` of the variance between trainings. What the
    draw of the groups contributes to the differences between trainings is subtracted from the
    latter. The degrees of freedom are those of Satterthwaite.

    Reference:
        Satterthwaite (1946), https://doi.org/10.2307/3002019
    """
    pairs = [list(zip(a, b, strict=True)) for a, b in zip(first, second, strict=True)]
    values = np.array([mean_of_defined([a.value - b.value for a, b in tasks]) for tasks in pairs])
    replicates = np.stack(
        [means_of_defined([a.replicates - b.replicates for a, b in t]) for t in pairs]
    )
    scored = [one for one in first[0] if not np.isnan(one.value)]
    value = float(np.mean(values))
    half = p_value = float("nan")
    if max((one.groups for one in scored), default=0) >= FEWEST_GROUPS:
        rarer = max(one.rarer_groups for one in scored)
        error, freedom = _standard_error(values, replicates, num_groups=rarer)
        half = float(scipy.special.stdtrit(freedom, (1 + _LEVEL) / 2)) * error
        p_value = _p_value(value, error, freedom)
    return PairedDifference(
        value=value,
        interval=None if np.isnan(half) else (value - half, value + half),
        by_training=tuple(values.tolist()),
        p_value=p_value,
    )


def _replicated(
    score: Callable[[np.ndarray], np.ndarray], y: np.ndarray, rows: np.ndarray, draws: Draws
) -> ReplicatedScore:
    if not len(rows):
        nothing = np.full(len(draws.counts), np.nan)
        return ReplicatedScore(value=float("nan"), replicates=nothing, groups=0, rarer_groups=0)
    parts = [score(weights) for weights in draws.weights(rows)]
    groups = draws.group_of_row[rows]
    by_class = [len(np.unique(groups[(y >= 0.5) == is_positive])) for is_positive in (True, False)]
    return ReplicatedScore(
        value=float(score(np.ones((1, len(rows))))[0]),
        replicates=np.concatenate(parts) if parts else np.zeros(0),
        groups=len(np.unique(groups)),
        rarer_groups=min(by_class),
    )


def _standard_error(
    values: np.ndarray, replicates: np.ndarray, *, num_groups: int
) -> tuple[float, float]:
    """Returns the standard error of the mean over trainings, and its degrees of freedom.

    The variance over the draws of the groups, in replicates `(trainings, draws)`, rests on so many
    groups.
    """
    drawn = replicates[:, ~np.isnan(replicates).any(axis=0)]
    if drawn.shape[1] < 2:
        return float("nan"), 1.0
    num, freedom = len(values), max(num_groups - 1, 1)
    over_groups = float(drawn.mean(axis=0).var())
    if num == 1:
        return math.sqrt(over_groups), freedom
    between = float(values.var(ddof=1)) / num
    interaction = float((drawn - drawn.mean(axis=0)).var(axis=1).sum()) / (num - 1) / num
    if between <= interaction:  # the trainings differ no more than the draw of groups explains
        return math.sqrt(over_groups), freedom
    variance = over_groups + between - interaction
    squares = (
        over_groups**2 / freedom + between**2 / (num - 1) + interaction**2 / (freedom * (num - 1))
    )
    return math.sqrt(variance), max(variance**2 / squares, 1.0)


def _p_value(value: float, error: float, freedom: float) -> float:
    if not error or np.isnan(error):
        return 1.0 if value == 0 else float("nan")
    return float(2 * scipy.special.stdtr(freedom, -abs(value) / error))
