"""Thresholds and calibration of a run, from predictions of examples the model wasn't fitted on.

Convention: out-of-fold predictions of the training examples where the exact head made some, else
predictions of the validation examples; never the test.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kerastl.config import EvaluationConfig, LabelPolicy
from kerastl.config.policies import ThresholdPolicy
from kerastl.data.tables.examples import Examples
from kerastl.evaluation.calibration import (
    NO_SKILL,
    Platt,
    calibrated_probabilities,
    fit_platt,
)
from kerastl.evaluation.missingness import Evidence
from kerastl.evaluation.thresholds import DEFAULT, Choice, choose_threshold
from kerastl.run.bundle import Calibration, TaskBundle
from kerastl.training.fit import Fitted

OUT_OF_FOLD = "out-of-fold"
VALIDATION = "validation"
NOT_ASKED_FOR = "evaluation.calibrate: false"


@dataclass(frozen=True, kw_only=True)
class Unseen:
    """Predictions of examples that the model wasn't fitted on.

    Args:
        rows: Indices of the examples.
        logits: Uncalibrated, `(rows, tasks)`.
        labels: `(rows, tasks)`, NaN where unknown or uncertain.
        source: `"out-of-fold"` or `"validation"`.
    """

    rows: np.ndarray
    logits: np.ndarray
    labels: np.ndarray
    source: str


def find_unseen(fitted: Fitted, examples: Examples, logits: np.ndarray) -> Unseen:
    """Returns what thresholds and calibration may be chosen on.

    Args:
        fitted: What fitting found.
        examples: What the model was fitted on.
        logits: The model's logits of all examples, `(examples, tasks)`.
    """
    # Where the backbone stood still to the end, the exact head is the model's own.
    out_of_fold = fitted.exact is not None and fitted.is_frozen
    if fitted.exact is not None and out_of_fold and _is_complete(fitted.exact.out_of_fold_logits):
        rows, source = examples.rows("train"), OUT_OF_FOLD
        found = level_folds(fitted.exact.out_of_fold_logits, fitted.exact.folds)
    else:
        rows, source = examples.rows("validation"), VALIDATION
        found = logits[rows]
    return Unseen(rows=rows, logits=found, labels=examples.labels[rows], source=source)


def level_folds(logits: np.ndarray, folds: np.ndarray | None) -> np.ndarray:
    """Returns out-of-fold logits whose mean is the same in every fold.

    A fold that holds more positives than its share was predicted by a model that saw fewer, and
    whose logits are lower: across folds, logits then fall where positives are more. Where a model
    knows little this outweighs what it knows, and a useless task looks like one that is reversed.

    Args:
        logits: `(examples, tasks)`, each from a model that didn't see the example's fold.
        folds: Fold of each example, or None.
    """
    leveled = logits.astype(np.float64)
    for fold in np.unique(folds) if folds is not None else ():
        rows = folds == fold
        leveled[rows] += logits.mean(axis=0) - logits[rows].mean(axis=0)
    return leveled


def tune_tasks(
    unseen: Unseen,
    evaluation: EvaluationConfig,
    tasks: tuple[str, ...],
    policies: Mapping[str, LabelPolicy],
) -> dict[str, TaskBundle]:
    """Calibrates each task, then chooses its threshold on the calibrated scale.

    A threshold under `false_accepts_per_hour<=x` isn't chosen here: it needs recordings.

    Args:
        unseen: What to choose on.
        evaluation: Says how.
        tasks: Names of the columns.
        policies: What the cells of a task mean, where not 1, 0 and blank.
    """
    return {
        task: _tune(
            unseen.labels[:, i],
            unseen.logits[:, i],
            unseen.source,
            policy=evaluation.policy(task),
            calibrate=evaluation.calibrate,
            labels_policy=policies.get(task, LabelPolicy()),
        )
        for i, task in enumerate(tasks)
    }


def missingness_evidence(
    fitted: Fitted, examples: Examples, unseen: Unseen, tasks: Mapping[str, TaskBundle]
) -> Evidence:
    """Returns the predictions by which missingness is looked at."""
    scales = [task.calibration.scale for task in tasks.values()]
    offsets = [task.calibration.offset for task in tasks.values()]
    return Evidence(
        rows=unseen.rows,
        logits=unseen.logits * np.array(scales) + np.array(offsets),
        features=fitted.features[unseen.rows],
        source=f"{unseen.source} predictions",
    )


def _tune(
    labels: np.ndarray,
    logits: np.ndarray,
    source: str,
    *,
    policy: ThresholdPolicy,
    calibrate: bool,
    labels_policy: LabelPolicy,
) -> TaskBundle:
    platt = fit_platt(labels, logits) if calibrate else Platt(reason=NOT_ASKED_FOR)
    probabilities = calibrated_probabilities(logits[:, None], [platt.scale], [platt.offset])[:, 0]
    choice = (
        Choice(threshold=DEFAULT)  # until recordings choose it
        if policy.needs_recordings
        else choose_threshold(labels, probabilities, policy)
    )
    is_tuned = calibrate or not policy.is_fixed
    num_known = int((~np.isnan(labels)).sum())
    return TaskBundle(
        threshold=choice.threshold,
        threshold_policy=str(policy),
        threshold_note=_guesses(source) if platt.reason == NO_SKILL else choice.note,
        tuned_on=f"{source}, {num_known} known labels" if is_tuned else "nothing",
        calibration=Calibration(scale=platt.scale, offset=platt.offset, reason=platt.reason),
        labels=labels_policy,
    )


def _guesses(source: str) -> str:
    return f"its decisions are guesses, because {NO_SKILL} in {source} predictions"


def _is_complete(logits: np.ndarray) -> bool:
    return bool(np.isfinite(logits).all())
