"""The values in the charts of one task on one split.

Convention: labels are known ones only, 1 or 0; a curve has at most `MAX_POINTS` points.
"""

from dataclasses import dataclass

import numpy as np
import sklearn.metrics

MAX_POINTS = 160
STEPS = 1000  # the sliders' thresholds are 0, 1/1000, ... 1
NUM_BARS = 25
MIN_PER_BIN = 12  # examples; fewer give no useful rate
_MAX_BINS = 10
_Z = 1.959964  # of a 95 % interval

Points = np.ndarray


@dataclass(frozen=True, kw_only=True)
class Bin:
    """One dot of a reliability diagram."""

    predicted: float  # mean probability
    observed: float  # share of positives
    low: float  # of the 95 % Wilson interval of `observed`
    high: float
    count: int


def roc_points(y: np.ndarray, p: np.ndarray) -> Points:
    """Returns `(points, 2)`: false and true positive rate in [0, 1]. Needs both classes."""
    x, height, _ = sklearn.metrics.roc_curve(y, p)
    return thinned(np.column_stack([x, height]))


def precision_recall_points(y: np.ndarray, p: np.ndarray) -> Points:
    """Returns `(points, 2)`: increasing recall and precision, in [0, 1]. Needs a positive."""
    precision, recall, _ = sklearn.metrics.precision_recall_curve(y, p)
    return thinned(np.column_stack([recall, precision])[::-1][1:])


def thinned(points: Points) -> Points:
    """Returns at most `MAX_POINTS` points, evenly spaced along the curve, with both ends."""
    if len(points) <= MAX_POINTS:
        return points
    lengths = np.abs(np.diff(points, axis=0)).sum(axis=1)
    walked = np.concatenate([[0.0], np.cumsum(lengths)])
    wanted = np.linspace(0, walked[-1], MAX_POINTS)
    return points[np.unique(np.clip(np.searchsorted(walked, wanted), 0, len(points) - 1))]


def reliability_bins(y: np.ndarray, p: np.ndarray) -> tuple[Bin, ...]:
    """Returns up to ten bins of equal counts by probability; none for too few examples."""
    num_bins = min(_MAX_BINS, len(y) // MIN_PER_BIN)
    if num_bins < 2:
        return ()
    order = np.argsort(p, kind="stable")
    return tuple(_bin(y[rows], p[rows]) for rows in np.array_split(order, num_bins))


def _bin(y: np.ndarray, p: np.ndarray) -> Bin:
    low, high = wilson_interval(int(y.sum()), len(y))
    predicted, observed = float(p.mean()), float(y.mean())
    return Bin(predicted=predicted, observed=observed, low=low, high=high, count=len(y))


def wilson_interval(positives: int, count: int) -> tuple[float, float]:
    """Returns the 95 % interval of a share.

    Reference:
        Wilson (1927), "Probable Inference, the Law of Succession, and Statistical Inference"
    """
    share = positives / count
    center = share + _Z**2 / (2 * count)
    spread = _Z * np.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2))
    scale = 1 + _Z**2 / count
    low, high = (center - spread) / scale, (center + spread) / scale
    return max(0.0, float(low)), min(1.0, float(high))


def histogram(p: np.ndarray) -> np.ndarray:
    """Returns the share of examples in each of equally wide bars over [0, 1]."""
    counts, _ = np.histogram(p, bins=NUM_BARS, range=(0.0, 1.0))
    return counts / max(len(p), 1)


def levels(p: np.ndarray) -> list[int]:
    """Counts examples per step of the slider, from which decisions are counted exactly.

    An example has level k if k / STEPS is the highest threshold of the slider that it reaches;
    the number of examples with `p >= k / STEPS` is the sum over levels of at least k.

    Returns:
        Level, count, level, count, ... of the levels that occur, increasing.
    """
    grid = np.arange(STEPS + 1) / STEPS
    reached = np.searchsorted(grid, np.clip(p, 0.0, 1.0), side="right") - 1
    found, counts = np.unique(reached, return_counts=True)
    return np.column_stack([found, counts]).ravel().tolist()


def confusion(y: np.ndarray, p: np.ndarray, threshold: float) -> dict[str, int]:
    """Returns the counts `tp`, `fn`, `fp` and `tn` of decisions `p >= threshold`."""
    tn, fp, fn, tp = np.bincount(2 * (y == 1) + (p >= threshold), minlength=4).tolist()
    return {"tp": tp, "fn": fn, "fp": fp, "tn": tn}
