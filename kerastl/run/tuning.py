"""Thresholds and calibration of a run, from predictions of examples the model wasn't fitted on.

Convention: out-of-fold predictions of the training examples where the exact head made some, else
predictions of the validation examples; never the test.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kerastl.config import EvaluationConfig, LabelPolicy
from kerastl.evaluation.calibration import Platt, calibrated_probabilities, fit_platt
from kerastl.evaluation.missingness import Evidence
from kerastl.evaluation.thresholds import choose_threshold
from kerastl.run.bundle import Calibration, TaskBundle
from kerastl.training.fit import Examples, Fitted

OUT_OF_FOLD = "out-of-fold"
VALIDATION = "validation"


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
    # With features the backbone stood still to the end, so the exact head is the model's own.
    out_of_fold = fitted.exact is not None and fitted.features is not None
    if fitted.exact is not None and out_of_fold and _is_complete(fitted.exact.out_of_fold_logits):
        rows, found, source = examples.train, fitted.exact.out_of_fold_logits, OUT_OF_FOLD
    else:
        rows, found, source = examples.validation, logits[examples.validation], VALIDATION
    return Unseen(rows=rows, logits=found, labels=examples.labels[rows], source=source)


def tune_tasks(
    unseen: Unseen,
    evaluation: EvaluationConfig,
    tasks: tuple[str, ...],
    policies: Mapping[str, LabelPolicy],
) -> dict[str, TaskBundle]:
    """Calibrates each task, then chooses its threshold on the calibrated scale.

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
        features=None if fitted.features is None else fitted.features[unseen.rows],
        source=f"{unseen.source} predictions",
    )


def _tune(
    labels: np.ndarray,
    logits: np.ndarray,
    source: str,
    *,
    policy: str | float,
    calibrate: bool,
    labels_policy: LabelPolicy,
) -> TaskBundle:
    platt = fit_platt(labels, logits) if calibrate else Platt(reason="evaluation.calibrate: false")
    probabilities = calibrated_probabilities(logits[:, None], [platt.scale], [platt.offset])[:, 0]
    choice = choose_threshold(labels, probabilities, policy)
    is_tuned = calibrate or isinstance(policy, str)
    num_known = int((~np.isnan(labels)).sum())
    return TaskBundle(
        threshold=choice.threshold,
        threshold_policy=str(policy),
        threshold_note=choice.note,
        tuned_on=f"{source}, {num_known} known labels" if is_tuned else "nothing",
        calibration=Calibration(scale=platt.scale, offset=platt.offset, reason=platt.reason),
        labels=labels_policy,
    )


def _is_complete(logits: np.ndarray) -> bool:
    return bool(np.isfinite(logits).all())
