"""Exact scores of the known labels, per task and averaged over tasks, with their intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from kerastl.errors import counted
from kerastl.evaluation import ranking
from kerastl.evaluation.intervals import (
    FEWEST_GROUPS,
    FEWEST_OF_A_CLASS,
    Bootstrap,
    Draws,
    interval,
    method,
)
from kerastl.evaluation.means import divided, mean_of_defined, means_of_defined
from kerastl.evaluation.score_types import (
    SCORES,
    CalibrationScores,
    IntervalFacts,
    MacroScores,
    SplitScores,
    TaskScores,
)
from kerastl.threads import one_blas_thread

CALIBRATION_SCORES = ("log_loss", "brier", "expected_calibration_error")
NUM_BINS = 15  # of the expected calibration error, of equal width


def score_split(
    labels: np.ndarray,
    probabilities: np.ndarray,
    tasks: Sequence[str],
    thresholds: Mapping[str, float],
    *,
    bootstrap: Bootstrap | None = None,
    uncalibrated: np.ndarray | None = None,
    tuned_on: str | None = None,
    note: str | None = None,
) -> SplitScores:
    """Scores each task of a split and averages over the tasks for which a score is defined.

    The interval of the expected calibration error can be above the error itself, because the error
    includes the noise of each resampling.

    Args:
        labels: `(examples, tasks)`, NaN where unknown.
        probabilities: `(examples, tasks)`.
        tasks: Names of the columns.
        thresholds: Threshold of each task; a probability at or above it counts as positive.
        bootstrap: How intervals are computed; None computes none.
        uncalibrated: Probabilities without calibration, scored under `before_calibration`.
        tuned_on: What thresholds and calibration were chosen on.
        note: Why the scores are too optimistic.
    """
    draws = Draws(bootstrap) if bootstrap is not None and bootstrap.replicates else None
    found = [
        _Task(labels[:, i], probabilities[:, i], threshold=thresholds[task], draws=draws)
        for i, task in enumerate(tasks)
    ]
    macro = _macro(found, labels, bootstrap, draws)
    by_task = [one.scores_with(bootstrap) for one in found]
    if uncalibrated is not None:
        before = [calibration_scores(labels[:, i], uncalibrated[:, i]) for i in range(len(found))]
        macro = replace(macro, before_calibration=_mean_calibration(before))
        by_task = [
            replace(one, before_calibration=b) for one, b in zip(by_task, before, strict=True)
        ]
    return SplitScores(
        macro=macro,
        tasks=dict(zip(tasks, by_task, strict=True)),
        tuned_on=tuned_on,
        note=note,
    )


def score_task(
    labels: np.ndarray,
    probabilities: np.ndarray,
    *,
    threshold: float,
    bootstrap: Bootstrap | None = None,
) -> TaskScores:
    """Returns the scores of one task as in `score_split`.

    Args:
        labels: 1, 0 or NaN for unknown, shape `(examples,)`.
        probabilities: In [0, 1], shape `(examples,)`.
        threshold: A probability at or above it counts as positive.
        bootstrap: How intervals are computed; None computes none.
    """
    draws = Draws(bootstrap) if bootstrap is not None and bootstrap.replicates else None
    return _Task(labels, probabilities, threshold=threshold, draws=draws).scores_with(bootstrap)


def calibration_scores(labels: np.ndarray, probabilities: np.ndarray) -> CalibrationScores:
    """Returns log loss, Brier score and expected calibration error of one task.

    Args:
        labels: 1, 0 or NaN for unknown, shape `(examples,)`.
        probabilities: In [0, 1], shape `(examples,)`.
    """
    scores = score_task(labels, probabilities, threshold=0.5)
    return CalibrationScores(**{name: scores.value(name) for name in CALIBRATION_SCORES})


class _Task:
    """Known labels of one task by falling probability, and their scores."""

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
            weights: Weight of each example, `(weightings, examples)`.
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
            "log_loss": divided(loss, count),
            "brier": divided(squared, count),
            "expected_calibration_error": divided(np.abs(sums[:, 6:]).sum(axis=1), count),
            "accuracy": divided(hits + negatives - false_alarms, count),
            "sensitivity": divided(hits, positives),
            "specificity": divided(negatives - false_alarms, negatives),
            "f1": divided(2 * hits, called_or_positive),
        }

    def scores_with(self, bootstrap: Bootstrap | None) -> TaskScores:
        """Returns the scores with their intervals."""
        num_groups = 0 if self.groups is None else len(np.unique(self.groups))
        facts = interval_facts(bootstrap, num_groups, self.replicates["auc"])
        if facts.replicates and facts.reason is None:
            facts = replace(facts, reason=self._caution(bootstrap))
        return TaskScores(
            **_named(self.scores, self.replicates, has_intervals=facts.replicates > 0),
            known=len(self.y),
            positives=int(self.y.sum()),
            threshold=self.threshold,
            intervals=facts,
        )

    def _caution(self, bootstrap: Bootstrap | None) -> str | None:
        """Returns a caution if a class comes from few groups: their spread is then unknown."""
        if bootstrap is None or self.groups is None:
            return None
        for value, kind in ((1, "positives"), (0, "negatives")):
            count = len(np.unique(self.groups[self.y == value]))
            if 0 < count < FEWEST_OF_A_CLASS:
                unit = counted(count, bootstrap.unit.removesuffix("s"))
                return f"all known {kind} are from {unit}, so the intervals are too narrow"
        return None

    def _summands(self) -> np.ndarray:
        """Returns the summands of the scores, `(examples, 6 + bins)`."""
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
        # The products are small, so several threads would be slower.
        with one_blas_thread():
            parts = [self.under(weights) for weights in draws.weights(self.rows)]
        return {name: np.concatenate([part[name] for part in parts]) for name in SCORES}


def interval_facts(
    bootstrap: Bootstrap | None, num_groups: int, auc_replicates: np.ndarray
) -> IntervalFacts:
    """Returns how intervals are computed, or why there are none.

    Args:
        bootstrap: The requested bootstrap, or None.
        num_groups: Number of groups with known labels.
        auc_replicates: AUC of each replicate, NaN if a class is missing.
    """
    if bootstrap is not None and bootstrap.replicates and num_groups >= FEWEST_GROUPS:
        return IntervalFacts(
            method=method(bootstrap),
            replicates=bootstrap.replicates,
            groups=num_groups,
            undefined_replicates=int(np.isnan(auc_replicates).sum()),
            reason=None,
        )
    reason = "no intervals were asked for"
    if bootstrap is not None and bootstrap.replicates:
        unit = counted(num_groups, bootstrap.unit.removesuffix("s"))
        reason = f"{unit} with known labels, {FEWEST_GROUPS} are needed"
    return IntervalFacts(
        method=None, replicates=0, groups=num_groups, undefined_replicates=0, reason=reason
    )


def _macro(
    found: Sequence[_Task],
    labels: np.ndarray,
    bootstrap: Bootstrap | None,
    draws: Draws | None,
) -> MacroScores:
    num_groups = 0
    if draws is not None:
        num_groups = len(set(draws.group_of_row[~np.isnan(labels).all(axis=1)].tolist()))
    scored = [one for one in found if not np.isnan(one.scores["auc"])]
    facts = interval_facts(
        bootstrap, num_groups, np.sum([one.replicates["auc"] for one in scored], axis=0)
    )
    means = {name: mean_of_defined([one.scores[name] for one in found]) for name in SCORES}
    has_intervals = facts.replicates > 0
    replicates = {
        name: means_of_defined([one.replicates[name] for one in found])
        for name in (SCORES if has_intervals else ())
    }
    return MacroScores(
        **_named(means, replicates, has_intervals=has_intervals),
        defined=len(scored),
        known=sum(len(one.y) for one in found),
        examples=len(labels),
        intervals=facts,
    )


def _named(
    scores: Mapping[str, float], replicates: Mapping[str, np.ndarray], *, has_intervals: bool
) -> dict[str, Any]:
    """Returns the fields of `Scores`."""
    ends = {name: interval(replicates[name]) if has_intervals else None for name in SCORES}
    return {**scores, **{f"{name}_interval": found for name, found in ends.items()}}


def _mean_calibration(found: Sequence[CalibrationScores]) -> CalibrationScores:
    return CalibrationScores(
        **{
            name: mean_of_defined([getattr(one, name) for one in found])
            for name in CALIBRATION_SCORES
        }
    )
