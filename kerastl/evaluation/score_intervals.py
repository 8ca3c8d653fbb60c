"""Intervals of scores: how far each can be from its true value.

Convention: the bootstrap over groups only says how much a score varies. The ends are those of an
interval made for the kind of score (Clopper and Pearson's for shares, Newcombe's for the AUC),
widened by how much more the score varies than it would with independent examples. Percentiles of
the bootstrap are too narrow if positives are rare or a score is near its best value.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import scipy.optimize
import scipy.special

from kerastl.evaluation.score_types import Interval

_LEVEL = 0.95
_NORMAL = float(scipy.special.ndtri((1 + _LEVEL) / 2))
_TINY = 1e-9
_FEWEST_FREEDOM = 2.0  # of Student's t


@dataclass(frozen=True, kw_only=True)
class Variation:
    """How much a score varies from draw to draw of the groups."""

    replicates: np.ndarray  # the score in each replicate of the bootstrap, NaN if undefined
    carriers: float  # number of groups that the score rests on; see `carriers`

    @property
    def variance(self) -> float:
        """The variance over the replicates, 0 if fewer than two are defined."""
        defined = self.replicates[~np.isnan(self.replicates)]
        return float(defined.var()) if len(defined) > 1 else 0.0

    def widening(self, freedom: float | None = None, *, level: float = _LEVEL) -> float:
        """Returns how many times wider an interval is because few groups carry the score.

        It undoes the bias of the bootstrap's variance, and it replaces the normal quantile by
        Student's at that level, with one degree of freedom less than there are carriers if none
        are given.
        """
        freedom = max(self.carriers - 1 if freedom is None else freedom, _FEWEST_FREEDOM)
        unbiased = self.carriers / max(self.carriers - 1, 0.5)
        end = (1 + level) / 2
        quantiles = scipy.special.stdtrit(freedom, end) / scipy.special.ndtri(end)
        return math.sqrt(unbiased) * float(quantiles)


def carriers(groups: np.ndarray, values: np.ndarray) -> float:
    """Returns how many groups carry a sum: all of them if equal, 1 if one has all of it.

    The values are the summand of each example, not negative.
    """
    sums = np.bincount(np.unique(groups, return_inverse=True)[1], values)
    squares = float(np.square(sums).sum())
    return float(sums.sum()) ** 2 / squares if squares else 0.0


def share_interval(value: float, count: float, variation: Variation) -> Interval | None:
    """Returns Clopper and Pearson's interval of a share, for the count that the variation leaves.

    Reference:
        Clopper, Pearson (1934), https://doi.org/10.1093/biomet/26.4.404
    """
    if math.isnan(value) or count <= 0:
        return None
    smoothed = (value * count + 0.5) / (count + 1)
    effective = count / _excess(variation, smoothed * (1 - smoothed) / count)
    hits, misses = value * effective, (1 - value) * effective
    tail = (1 - _LEVEL) / 2
    low = scipy.special.betaincinv(hits, misses + 1, tail) if hits > 0 else 0.0
    high = scipy.special.betaincinv(hits + 1, misses, 1 - tail) if misses > 0 else 1.0
    return float(low), float(high)


def auc_interval(
    value: float, positives: int, negatives: int, variation: Variation
) -> Interval | None:
    """Returns Newcombe's interval of an AUC (his method 5), widened by the variation.

    Reference:
        Newcombe (2006), https://doi.org/10.1002/sim.2324
    """
    if math.isnan(value):
        return None
    fewest = min(positives, negatives)
    smoothed = (value * fewest + 0.5) / (fewest + 1)
    independent = partial(_hanley_mcneil, positives=positives, negatives=negatives)
    factor = _NORMAL**2 * _excess(variation, independent(smoothed))

    def outside(candidate: float) -> float:
        return (candidate - value) ** 2 - factor * independent(candidate)

    return _root(outside, value, 0.0), _root(outside, value, 1.0)


def mean_interval(value: float, variation: Variation) -> Interval | None:
    """Returns the interval of a mean above 0, symmetric on the scale of logarithms.

    Losses are skewed: a few examples have large ones, so the variance is known less well than the
    number of groups suggests. Half the degrees of freedom cover.
    """
    if math.isnan(value) or not variation.variance:
        return None
    reach = _NORMAL * variation.widening((variation.carriers - 1) / 2)
    spread = reach * math.sqrt(variation.variance) / max(value, _TINY)
    return value * math.exp(-spread), value * math.exp(spread)


def calibration_error_interval(
    value: float, distances: Variation, spreads: np.ndarray
) -> Interval | None:
    """Returns the interval of an expected calibration error, which contains the error itself.

    The error of a sample differs from the true one by at most the mean distance of the bins' gaps
    from their true values, so an interval as wide as that distance can be is always wide enough.

    Args:
        value: The error of the sample.
        distances: Mean distance of the bins' gaps in each replicate from those of the sample.
        spreads: Standard deviation of the gap of each bin if the probabilities are right and the
            examples independent: bins of few examples vary more than their replicates.
    """
    if math.isnan(value) or np.isnan(distances.replicates).all():
        return None
    drawn = np.abs(np.random.default_rng(0).standard_normal((1000, len(spreads)))) @ spreads
    seen = np.nanquantile(distances.replicates, _LEVEL) * distances.widening()
    reach = float(max(seen, np.quantile(drawn, _LEVEL)))
    return max(0.0, value - reach), min(1.0, value + reach)


def average_interval(
    value: float, replicates: np.ndarray, parts: Sequence[tuple[float, Interval]], *, highest: float
) -> Interval | None:
    """Returns the interval of a mean over tasks, from score and interval of each task.

    It is at least as wide as if the errors of the tasks were independent of each other, and at most
    from 0 to the highest value of the score. In replicates, an undefined mean is NaN.
    """
    below = math.hypot(*(score - ends[0] for score, ends in parts)) / len(parts)
    above = math.hypot(*(ends[1] - score for score, ends in parts)) / len(parts)
    spread = _NORMAL * float(np.nanstd(replicates))
    return max(0.0, value - max(below, spread)), min(highest, value + max(above, spread))


def _excess(variation: Variation, independent: float) -> float:
    """Returns how many times the squared interval is wider than with independent examples."""
    excess = variation.variance / independent
    return excess * variation.widening() ** 2 if excess > 1 else 1.0


def _hanley_mcneil(auc: float, positives: int, negatives: int) -> float:
    """Returns the variance of an AUC with independent examples, as in Newcombe's method 5."""
    half = (positives + negatives) / 2 - 1
    shape = 1 + half * (1 - auc) / (2 - auc) + half * auc / (1 + auc)
    return auc * (1 - auc) * shape / (positives * negatives)


def _root(outside: Callable[[float], float], value: float, end: float) -> float:
    """Returns where `outside` changes its sign between a value and the end of the scale."""
    step = _TINY if end > value else -_TINY
    inner, outer = value + step, end - (_TINY if end else -_TINY)
    if abs(end - value) <= 2 * _TINY or outside(inner) >= 0 or outside(outer) <= 0:
        return end
    return float(scipy.optimize.brentq(outside, inner, outer))
