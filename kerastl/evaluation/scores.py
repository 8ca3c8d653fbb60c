"""Scores that rest on what is known, exact and per task, with their intervals.

Convention: an undefined score is NaN here, null in JSON and a dash on the terminal, never 0.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerastl.evaluation import ranking
from kerastl.evaluation.intervals import (
    FEWEST_GROUPS,
    FEWEST_OF_A_CLASS,
    Bootstrap,
    Draws,
    interval,
    method,
)
from kerastl.threads import one_blas_thread

SCORES = (
    "auc",
    "average_precision",
    "log_loss",
    "brier",
    "expected_calibration_error",
    "accuracy",
    "sensitivity",
    "specificity",
    "f1",
)
CALIBRATION_SCORES = ("log_loss", "brier", "expected_calibration_error")
NUM_BINS = 15  # of the expected calibration error, of equal width

TaskScores = dict[str, Any]


def score_split(
    labels: np.ndarray,
    probabilities: np.ndarray,
    tasks: Sequence[str],
    thresholds: Mapping[str, float],
    *,
    bootstrap: Bootstrap | None = None,
) -> dict[str, Any]:
    """Returns `{"macro": {...}, "tasks": {task: {...}}}` for one split.

    A task has every score of `SCORES`, its interval as `<score>_interval`, the number of `known`
    labels and of `positives` among them, its `threshold`, and under `intervals` how they were
    made. A macro score is the mean over the tasks where it is defined; `defined` says for how many
    the AUC is. The interval of the expected calibration error lies above what it was drawn from:
    the error counts the noise of drawing, too.

    Args:
        labels: `(examples, tasks)`, NaN where unknown.
        probabilities: `(examples, tasks)`.
        tasks: Names of the columns.
        thresholds: Threshold of each task; a probability at or above it counts as a yes.
        bootstrap: How intervals are made; None makes none.
    """
    draws = Draws(bootstrap) if bootstrap is not None and bootstrap.replicates else None
    found = [
        _Task(labels[:, i], probabilities[:, i], threshold=thresholds[task], draws=draws)
        for i, task in enumerate(tasks)
    ]
    return {
        "macro": _macro(found, labels, bootstrap, draws),
        "tasks": {task: one.as_dict(bootstrap) for task, one in zip(tasks, found, strict=True)},
    }


def score_task(
    labels: np.ndarray,
    probabilities: np.ndarray,
    *,
    threshold: float,
    bootstrap: Bootstrap | None = None,
) -> TaskScores:
    """Returns the scores of one task as `score_split` has them.

    Args:
        labels: 1, 0 or NaN for unknown, shape `(examples,)`.
        probabilities: In [0, 1], shape `(examples,)`.
        threshold: A probability at or above it counts as a yes.
        bootstrap: How intervals are made; None makes none.
    """
    draws = Draws(bootstrap) if bootstrap is not None and bootstrap.replicates else None
    return _Task(labels, probabilities, threshold=threshold, draws=draws).as_dict(bootstrap)


def calibration_scores(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Returns log loss, Brier score and expected calibration error of one task.

    Args:
        labels: 1, 0 or NaN for unknown, shape `(examples,)`.
        probabilities: In [0, 1], shape `(examples,)`.
    """
    scores = score_task(labels, probabilities, threshold=0.5)
    return {name: scores[name] for name in CALIBRATION_SCORES}


class _Task:
    """One task's known labels from the highest probability down, and its scores."""

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
        self.scores = {
            name: float(values[0]) for name, values in self.under(np.ones((1, len(self.p)))).items()
        }
        self.groups = None if draws is None else draws.group_of_row[self.rows]
        self.replicates = self._replicates(draws)

    def under(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Returns each score under each weighting, `(weightings,)`.

        Args:
            weights: How often each example counts, `(weightings, examples)`.
        """
        summands = self.sums if weights.dtype == np.float64 else self.sums_float32
        sums = (weights @ summands).astype(np.float64)
        count, positives, hits, false_alarms, loss, squared = sums[:, :6].T
        negatives = count - positives
        of_positives = weights * self.y.astype(weights.dtype)
        auc, average_precision = ranking.areas(
            self._per_step(of_positives), self._per_step(weights - of_positives)
        )
        called_or_positive = np.where(positives > 0, positives + hits + false_alarms, 0)
        return {
            "auc": auc,
            "average_precision": average_precision,
            "log_loss": ranking.divided(loss, count),
            "brier": ranking.divided(squared, count),
            "expected_calibration_error": ranking.divided(np.abs(sums[:, 6:]).sum(axis=1), count),
            "accuracy": ranking.divided(hits + negatives - false_alarms, count),
            "sensitivity": ranking.divided(hits, positives),
            "specificity": ranking.divided(negatives - false_alarms, negatives),
            "f1": ranking.divided(2 * hits, called_or_positive),
        }

    def as_dict(self, bootstrap: Bootstrap | None) -> TaskScores:
        """Returns everything that is reported of the task."""
        num_groups = 0 if self.groups is None else len(np.unique(self.groups))
        facts = interval_facts(bootstrap, num_groups, self.replicates["auc"])
        missing = facts["replicates"] == 0
        if not missing and facts["reason"] is None:
            facts["reason"] = self._caution(bootstrap)
        return {
            **self.scores,
            **{
                f"{name}_interval": None if missing else interval(self.replicates[name])
                for name in SCORES
            },
            "known": len(self.y),
            "positives": int(self.y.sum()),
            "threshold": self.threshold,
            "intervals": facts,
        }

    def _caution(self, bootstrap: Bootstrap | None) -> str | None:
        """What to say where few groups hold a class: how much they differ isn't known then."""
        if bootstrap is None or self.groups is None:
            return None
        for value, kind in ((1, "positives"), (0, "negatives")):
            count = len(np.unique(self.groups[self.y == value]))
            if 0 < count < FEWEST_OF_A_CLASS:
                unit = bootstrap.unit.removesuffix("s") if count == 1 else bootstrap.unit
                return f"all known {kind} are from {count} {unit}, so the intervals are too narrow"
        return None

    def _summands(self) -> np.ndarray:
        """Returns what adds up over examples, `(examples, 6 + bins)`."""
        y, p = self.y, self.p
        called = p >= self.threshold
        inside = np.clip(p, np.finfo(np.float64).eps, 1 - np.finfo(np.float64).eps)
        loss = -np.where(y == 1, np.log(inside), np.log1p(-inside))
        bins = np.minimum(np.ceil(p * NUM_BINS).astype(int) - 1, NUM_BINS - 1)
        gaps = np.zeros((len(y), NUM_BINS))
        gaps[np.arange(len(y)), np.maximum(bins, 0)] = p - y
        simple = [np.ones_like(y), y, called * y, called * (1 - y), loss, (p - y) ** 2]
        return np.concatenate([np.stack(simple, axis=1), gaps], axis=1)

    def _per_step(self, weights: np.ndarray) -> np.ndarray:
        if len(self.starts) == len(self.p):
            return weights
        return np.add.reduceat(weights, self.starts, axis=1)

    def _replicates(self, draws: Draws | None) -> dict[str, np.ndarray]:
        if draws is None or not len(self.y):
            num = 0 if draws is None else len(draws.counts)
            return {name: np.full(num, np.nan) for name in SCORES}
        # The products are small: threads would wait for each other longer than they work.
        with one_blas_thread():
            parts = [self.under(weights) for weights in draws.weights(self.rows)]
        return {name: np.concatenate([part[name] for part in parts]) for name in SCORES}


def interval_facts(
    bootstrap: Bootstrap | None, num_groups: int, auc_replicates: np.ndarray
) -> dict[str, Any]:
    """Returns how intervals were made, or why there are none.

    Args:
        bootstrap: How they were asked for.
        num_groups: Groups with known labels.
        auc_replicates: The AUC in each replicate, NaN where a class is missing.
    """
    none = {"method": None, "replicates": 0, "groups": num_groups, "undefined_replicates": 0}
    if bootstrap is None or not bootstrap.replicates:
        return {**none, "reason": "no intervals were asked for"}
    if num_groups < FEWEST_GROUPS:
        short = f"{num_groups} {bootstrap.unit} with known labels, {FEWEST_GROUPS} are needed"
        return {**none, "reason": short}
    return {
        "method": method(bootstrap),
        "replicates": bootstrap.replicates,
        "groups": num_groups,
        "undefined_replicates": int(np.isnan(auc_replicates).sum()),
        "reason": None,
    }


def _macro(
    found: Sequence[_Task],
    labels: np.ndarray,
    bootstrap: Bootstrap | None,
    draws: Draws | None,
) -> dict[str, Any]:
    num_groups = 0
    if draws is not None:
        num_groups = len(set(draws.group_of_row[~np.isnan(labels).all(axis=1)].tolist()))
    scored = [one for one in found if not math.isnan(one.scores["auc"])]
    replicates = [one.replicates["auc"] for one in scored]
    facts = interval_facts(bootstrap, num_groups, np.sum(replicates, axis=0))
    return {
        **{name: _mean_of_defined([one.scores[name] for one in found]) for name in SCORES},
        **{
            f"{name}_interval": _macro_interval(found, name) if facts["replicates"] else None
            for name in SCORES
        },
        "defined": len(scored),
        "known": sum(len(one.y) for one in found),
        "examples": len(labels),
        "intervals": facts,
    }


def _macro_interval(found: Sequence[_Task], name: str) -> tuple[float, float] | None:
    """The interval of the mean over the tasks that are defined, in each replicate anew."""
    replicates = np.stack([one.replicates[name] for one in found])
    defined = ~np.isnan(replicates)
    sums = np.where(defined, replicates, 0).sum(axis=0)
    return interval(ranking.divided(sums, defined.sum(axis=0)))


def _mean_of_defined(values: Sequence[float]) -> float:
    defined = [value for value in values if not math.isnan(value)]
    return float(np.mean(defined)) if defined else math.nan
