"""The values in the charts of one task on one split.

Convention: labels are known ones only, 1 or 0; a curve has at most `MAX_POINTS` points.
"""

import math
from dataclasses import dataclass

import numpy as np
import scipy.special

from kerastl.evaluation.thresholds import threshold_steps

MAX_POINTS = 100
STEPS = 1000  # of the sliders
NUM_BARS = 25
MIN_PER_BIN = 12  # examples; fewer give no useful rate
_Z = 1.959963984540054
_MAX_BINS = 10
_LEAST = 1e-6  # probability that is told apart from 0

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
    steps = threshold_steps(y == 1, p)
    counts = np.column_stack([steps.false_alarms, steps.hits])
    bends = (np.diff(counts, 2, axis=0) != 0).any(axis=1)
    return thinned((counts / counts[-1])[np.concatenate([[True], bends, [True]])])


def precision_recall_points(y: np.ndarray, p: np.ndarray) -> Points:
    """Returns `(points, 2)`: increasing recall and precision, in [0, 1]. Needs a positive."""
    steps = threshold_steps(y == 1, p)
    return thinned(np.column_stack([steps.sensitivity, steps.precision])[1:])


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


@dataclass(frozen=True, kw_only=True)
class LogitScale:
    """The logits that a histogram and its slider span: all probabilities of a task.

    On it, probabilities of 0.0001 and 0.001 are as far apart as 0.01 and 0.1.
    """

    low: float
    high: float

    @classmethod
    def of(cls, p: np.ndarray, threshold: float) -> "LogitScale":
        """Returns the scale that spans all probabilities and the threshold."""
        found = logits(np.append(p[np.isfinite(p)], threshold))
        return cls(low=math.floor(found.min() - 0.5), high=math.ceil(found.max() + 0.5))

    def logit(self, probability: float) -> float:
        """Returns the logit of a probability, at most the ends of the scale."""
        return float(np.clip(logits(np.array(probability)), self.low, self.high))

    @property
    def thresholds(self) -> np.ndarray:
        """The thresholds of the slider: 0, then at equal distances in logits; `(STEPS + 1,)`."""
        found: np.ndarray = scipy.special.expit(np.linspace(self.low, self.high, STEPS + 1))
        found[0] = 0.0
        return found

    def step(self, threshold: float) -> int:
        """Returns the step of the slider nearest to a threshold."""
        return round((self.logit(threshold) - self.low) / (self.high - self.low) * STEPS)

    def histogram(self, p: np.ndarray) -> np.ndarray:
        """Returns the share of examples in each of equally wide bars over the scale."""
        counts, _ = np.histogram(logits(p), bins=NUM_BARS, range=(self.low, self.high))
        return counts / max(len(p), 1)

    def levels(self, p: np.ndarray) -> list[int]:
        """Counts examples per step of the slider, from which decisions are counted exactly.

        An example has level k if step k has the highest threshold that it reaches; the number of
        examples at or above the threshold of step k is the sum over levels of at least k.

        Returns:
            Level, count, level, count, ... of the levels that occur, increasing.
        """
        reached = np.searchsorted(self.thresholds, p, side="right") - 1
        found, counts = np.unique(reached, return_counts=True)
        return np.column_stack([found, counts]).ravel().tolist()


def logits(p: np.ndarray) -> np.ndarray:
    """Returns the logits of probabilities, as if none were below 1e-6 or above 1 - 1e-6."""
    found: np.ndarray = scipy.special.logit(np.clip(p.astype(np.float64), _LEAST, 1 - _LEAST))
    return found


def confusion(y: np.ndarray, p: np.ndarray, threshold: float) -> dict[str, int]:
    """Returns the counts `tp`, `fn`, `fp` and `tn` of decisions `p >= threshold`."""
    tn, fp, fn, tp = np.bincount(2 * (y == 1) + (p >= threshold), minlength=4).tolist()
    return {"tp": tp, "fn": fn, "fp": fp, "tn": tn}
