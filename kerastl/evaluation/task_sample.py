"""The known labels of one task, their scores and the intervals of the scores."""

from functools import cached_property

import numpy as np

from kerastl.evaluation import ranking
from kerastl.evaluation.intervals import Draws
from kerastl.evaluation.means import divided
from kerastl.evaluation.score_intervals import (
    Variation,
    auc_interval,
    calibration_error_interval,
    carriers,
    mean_interval,
    share_interval,
)
from kerastl.evaluation.score_types import SCORES, Interval
from kerastl.threads import one_blas_thread

FEWEST_OF_A_CLASS = 8  # groups; with fewer the scores below have no interval that covers
NEED_BOTH_CLASSES = ("average_precision", "log_loss", "brier")
NUM_BINS = 15  # of the expected calibration error, of equal width

_HITS, _FALSE_ALARMS, _LOSS, _SQUARED, _GAPS = 2, 3, 4, 5, slice(6, None)  # columns of the summands
_GAP_DISTANCE = "gap_distance"  # between the bins' gaps of a replicate and those of the sample


class TaskSample:
    """Known labels of one task by falling probability, and their scores.

    Labels are 1, 0 or NaN for unknown, probabilities in [0, 1]. Without draws of the groups there
    are no intervals.
    """

    def __init__(
        self,
        labels: np.ndarray,
        probabilities: np.ndarray,
        *,
        threshold: float,
        draws: Draws | None,
    ):
        known = np.flatnonzero(~np.isnan(labels))
        p = np.clip(probabilities[known].astype(np.float64), 0.0, 1.0)
        order = np.argsort(-p, kind="stable")
        self.rows = known[order]
        self.p = p[order]
        self.y = labels[self.rows].astype(np.float64)
        self.threshold = threshold
        self.starts = ranking.tie_starts(self.p) if len(self.p) else np.zeros(0, int)
        self.sums = self._summands()
        self.sums_float32 = self.sums.astype(np.float32)
        self.gaps = self.sums[:, _GAPS].sum(axis=0) / max(len(self.p), 1)
        scores = self.under(np.ones((1, len(self.p))))
        self.scores = {name: float(scores[name][0]) for name in SCORES}
        self.groups = np.arange(len(self.y)) if draws is None else draws.group_of_row[self.rows]
        self.replicates = self._replicates(draws)

    @property
    def num_groups(self) -> int:
        """Number of groups with known labels."""
        return len(np.unique(self.groups))

    def groups_of(self, label: int) -> int:
        """Returns the number of groups with examples that are known to be 1, or 0."""
        return len(np.unique(self.groups[self.y == label]))

    def under(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Returns each score, `(weightings,)`, under weights `(weightings, examples)`."""
        summands = self.sums if weights.dtype == np.float64 else self.sums_float32
        sums = (weights @ summands).astype(np.float64)
        count, positives, hits, false_alarms, loss, squared = sums[:, :6].T
        negatives = count - positives
        of_positives = weights * self.y.astype(weights.dtype)
        auc, average_precision = ranking.areas(
            self._per_step(of_positives), self._per_step(weights - of_positives)
        )
        called_or_positive = np.where(positives > 0, positives + hits + false_alarms, 0)
        gaps = divided(sums[:, _GAPS], np.repeat(count[:, None], NUM_BINS, axis=1))
        return {
            "auc": auc,
            "average_precision": average_precision,
            "log_loss": divided(loss, count),
            "brier": divided(squared, count),
            "expected_calibration_error": np.abs(gaps).sum(axis=1),
            "accuracy": divided(hits + negatives - false_alarms, count),
            "sensitivity": divided(hits, positives),
            "specificity": divided(negatives - false_alarms, negatives),
            "f1": divided(2 * hits, called_or_positive),
            _GAP_DISTANCE: np.abs(gaps - self.gaps).sum(axis=1),
        }

    @cached_property
    def intervals(self) -> dict[str, Interval | None]:
        """Interval of each score of `SCORES`, None if it has none."""
        y, num = self.y, len(self.y)
        positives, negatives = int(y.sum()), int((1 - y).sum())
        variances = np.bincount(self._bins, self.p * (1 - self.p), minlength=NUM_BINS)
        f1_count = (num - self.scores["accuracy"] * num + 2 * float(self.sums[:, _HITS].sum())) / 2
        found = {
            "auc": auc_interval(
                self.scores["auc"], positives, negatives, self._variation("auc", y, 1 - y)
            ),
            "expected_calibration_error": calibration_error_interval(
                self.scores["expected_calibration_error"],
                self._variation(_GAP_DISTANCE, y, 1 - y),
                np.sqrt(variances) / max(num, 1),
            ),
        }
        for name, count, carried_by in (
            ("average_precision", positives, y),
            ("accuracy", num, np.ones_like(y)),
            ("sensitivity", positives, y),
            ("specificity", negatives, 1 - y),
            ("f1", f1_count, y),
        ):
            variation = self._variation(name, carried_by)
            found[name] = share_interval(self.scores[name], count, variation)
        for name, column in (("log_loss", _LOSS), ("brier", _SQUARED)):
            variation = self._variation(name, self.sums[:, column])
            found[name] = mean_interval(self.scores[name], variation)
        if min(self.groups_of(0), self.groups_of(1)) < FEWEST_OF_A_CLASS:
            found |= dict.fromkeys(NEED_BOTH_CLASSES, None)
        return found

    def _variation(self, name: str, *carried_by: np.ndarray) -> Variation:
        return Variation(
            replicates=self.replicates[name],
            carriers=min(carriers(self.groups, values) for values in carried_by),
        )

    @cached_property
    def _bins(self) -> np.ndarray:
        """Bin of each example for the expected calibration error, `(examples,)`."""
        return np.clip(np.ceil(self.p * NUM_BINS).astype(int) - 1, 0, NUM_BINS - 1)

    def _summands(self) -> np.ndarray:
        """Returns the summands of the scores, `(examples, 6 + bins)`."""
        y, p = self.y, self.p
        called = p >= self.threshold
        inside = np.clip(p, np.finfo(np.float64).eps, 1 - np.finfo(np.float64).eps)
        loss = -np.where(y == 1, np.log(inside), np.log1p(-inside))
        gaps = np.zeros((len(y), NUM_BINS))
        gaps[np.arange(len(y)), self._bins] = p - y
        simple = [np.ones_like(y), y, called * y, called * (1 - y), loss, (p - y) ** 2]
        return np.concatenate([np.stack(simple, axis=1), gaps], axis=1)

    def _per_step(self, weights: np.ndarray) -> np.ndarray:
        if len(self.starts) == len(self.p):
            return weights
        return np.add.reduceat(weights, self.starts, axis=1)

    def _replicates(self, draws: Draws | None) -> dict[str, np.ndarray]:
        if draws is None or not len(self.y):
            num = 0 if draws is None else len(draws.counts)
            return {name: np.full(num, np.nan) for name in (*SCORES, _GAP_DISTANCE)}
        # The products are small, so several threads would be slower.
        with one_blas_thread():
            parts = [self.under(weights) for weights in draws.weights(self.rows)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
