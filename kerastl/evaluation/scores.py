"""Exact scores of the known labels, per task and averaged over tasks, with their intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from kerastl.errors import counted
from kerastl.evaluation.intervals import FEWEST_GROUPS, Bootstrap, Draws
from kerastl.evaluation.means import mean_of_defined, means_of_defined
from kerastl.evaluation.score_intervals import average_interval
from kerastl.evaluation.score_types import (
    SCORES,
    CalibrationScores,
    Interval,
    IntervalFacts,
    MacroScores,
    SplitScores,
    TaskScores,
)
from kerastl.evaluation.task_sample import FEWEST_OF_A_CLASS, TaskSample

CALIBRATION_SCORES = ("log_loss", "brier", "expected_calibration_error")


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

    Labels (NaN where unknown) and probabilities are `(examples, tasks)`. A probability at or above
    the threshold of its task counts as positive. Uncalibrated probabilities are scored under
    `before_calibration`. Without a bootstrap there are no intervals. For `tuned_on` and `note` see
    `SplitScores`.
    """
    draws = Draws(bootstrap) if bootstrap is not None and bootstrap.replicates else None
    samples = [
        TaskSample(labels[:, i], probabilities[:, i], threshold=thresholds[task], draws=draws)
        for i, task in enumerate(tasks)
    ]
    macro = _macro(samples, labels, bootstrap, draws)
    by_task = {task: _task_scores(one, bootstrap) for task, one in zip(tasks, samples, strict=True)}
    if uncalibrated is not None:
        before = [calibration_scores(*both) for both in zip(labels.T, uncalibrated.T, strict=True)]
        mean = {n: mean_of_defined([getattr(b, n) for b in before]) for n in CALIBRATION_SCORES}
        macro = replace(macro, before_calibration=CalibrationScores(**mean))
        by_task = {
            task: replace(by_task[task], before_calibration=one)
            for task, one in zip(tasks, before, strict=True)
        }
    return SplitScores(macro=macro, tasks=by_task, tuned_on=tuned_on, note=note)


def score_task(
    labels: np.ndarray,
    probabilities: np.ndarray,
    *,
    threshold: float,
    bootstrap: Bootstrap | None = None,
) -> TaskScores:
    """Returns the scores of one task as in `score_split`; labels are `(examples,)`."""
    draws = Draws(bootstrap) if bootstrap is not None and bootstrap.replicates else None
    sample = TaskSample(labels, probabilities, threshold=threshold, draws=draws)
    return _task_scores(sample, bootstrap)


def calibration_scores(labels: np.ndarray, probabilities: np.ndarray) -> CalibrationScores:
    """Returns log loss, Brier score and expected calibration error of one task."""
    scores = score_task(labels, probabilities, threshold=0.5)
    return CalibrationScores(**{name: scores.value(name) for name in CALIBRATION_SCORES})


def _interval_facts(
    bootstrap: Bootstrap | None, num_groups: int, auc_replicates: np.ndarray
) -> IntervalFacts:
    """Returns how intervals are computed with so many groups, or why there are none."""
    if bootstrap is not None and bootstrap.replicates and num_groups >= FEWEST_GROUPS:
        return IntervalFacts(
            method=f"95 % score intervals with the variation over {bootstrap.unit}",
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
    found: Sequence[TaskSample],
    labels: np.ndarray,
    bootstrap: Bootstrap | None,
    draws: Draws | None,
) -> MacroScores:
    num_groups = 0
    if draws is not None:
        num_groups = len(set(draws.group_of_row[~np.isnan(labels).all(axis=1)].tolist()))
    scored = [one for one in found if not np.isnan(one.scores["auc"])]
    facts = _interval_facts(
        bootstrap, num_groups, np.sum([one.replicates["auc"] for one in scored], axis=0)
    )
    means = {name: mean_of_defined([one.scores[name] for one in found]) for name in SCORES}
    return MacroScores(
        **_fields(means, _macro_intervals(found, means) if facts.replicates else {}),
        defined=len(scored),
        known=sum(len(one.y) for one in found),
        examples=len(labels),
        intervals=facts,
    )


def _macro_intervals(
    found: Sequence[TaskSample], means: Mapping[str, float]
) -> dict[str, Interval | None]:
    """Returns the interval of each mean; None unless each task that defines the score has one."""
    intervals: dict[str, Interval | None] = {}
    for name in SCORES:
        defined = [one for one in found if not np.isnan(one.scores[name])]
        parts = [
            (one.scores[name], ends) for one in defined if (ends := one.intervals[name]) is not None
        ]
        if parts and len(parts) == len(defined):
            intervals[name] = average_interval(
                means[name],
                means_of_defined([one.replicates[name] for one in defined]),
                parts,
                highest=np.inf if name == "log_loss" else 1.0,
            )
    return intervals


def _task_scores(sample: TaskSample, bootstrap: Bootstrap | None) -> TaskScores:
    facts = _interval_facts(bootstrap, sample.num_groups, sample.replicates["auc"])
    if bootstrap is not None and facts.replicates:
        facts = replace(facts, reason=_too_few_of_a_class(sample, bootstrap))
    return TaskScores(
        **_fields(sample.scores, sample.intervals if facts.replicates else {}),
        known=len(sample.y),
        positives=int(sample.y.sum()),
        threshold=sample.threshold,
        intervals=facts,
    )


def _too_few_of_a_class(sample: TaskSample, bootstrap: Bootstrap) -> str | None:
    """Returns why some scores have no interval, None if all that are defined have one."""
    for label, kind in ((1, "positives"), (0, "negatives")):
        count = sample.groups_of(label)
        if 0 < count < FEWEST_OF_A_CLASS:
            unit = counted(count, bootstrap.unit.removesuffix("s"))
            return (
                f"all known {kind} are from {unit}, so average precision, log loss and Brier score "
                f"have no interval ({FEWEST_OF_A_CLASS} are needed)"
            )
    return None


def _fields(
    scores: Mapping[str, float], intervals: Mapping[str, Interval | None]
) -> dict[str, Any]:
    """Returns the fields of `Scores`."""
    return {**scores, **{f"{name}_interval": intervals.get(name) for name in SCORES}}
