"""Thresholds and calibration of a run, chosen on held-out predictions.

Convention: out-of-fold predictions of the training examples if the exact head made them, otherwise
predictions of the validation examples; never the test split.
"""

from collections.abc import Mapping

import numpy as np

from kerastl.config import EvaluationConfig, LabelPolicy
from kerastl.data.tables.examples import Examples
from kerastl.evaluation.held_out import (
    OUT_OF_FOLD,
    VALIDATION,
    HeldOutPredictions,
    level_folds,
)
from kerastl.evaluation.tuning import tune
from kerastl.records import to_values
from kerastl.run.bundle import Calibration, TaskBundle
from kerastl.training.phases import TrainingResult


def find_held_out(
    fitted: TrainingResult, examples: Examples, logits: np.ndarray
) -> HeldOutPredictions:
    """Returns the predictions that thresholds and calibration are chosen on.

    Args:
        fitted: The outcome of training.
        examples: The examples with their splits.
        logits: The model's logits of all examples, `(examples, tasks)`.
    """
    # If the backbone stayed frozen, the exact head is the head of the model.
    out_of_fold = fitted.exact is not None and fitted.is_frozen
    if fitted.exact is not None and out_of_fold and _is_complete(fitted.exact.out_of_fold_logits):
        rows, source = examples.rows("train"), OUT_OF_FOLD
        found = level_folds(fitted.exact.out_of_fold_logits, fitted.exact.folds)
    else:
        rows, source = examples.rows("validation"), VALIDATION
        found = logits[rows]
    return HeldOutPredictions(rows=rows, logits=found, labels=examples.labels[rows], source=source)


def tune_tasks(
    held_out: HeldOutPredictions,
    evaluation: EvaluationConfig,
    tasks: tuple[str, ...],
    policies: Mapping[str, LabelPolicy],
) -> dict[str, TaskBundle]:
    """Calibrates each task, then chooses its threshold on the calibrated scale.

    A threshold for `false_accepts_per_hour<=x` is not chosen here, because it needs recordings.

    Args:
        held_out: The predictions to choose on.
        evaluation: Threshold policies, and whether to calibrate.
        tasks: Names of the columns.
        policies: Label policy of each task that has one.
    """
    asked = {task: evaluation.policy(task) for task in tasks}
    tuned = tune(held_out, tasks, asked, calibrate=evaluation.calibrate)
    return {
        task: TaskBundle(
            threshold=found.threshold.threshold,
            threshold_policy=str(asked[task]),
            threshold_note=found.threshold.note,
            tuned_on=found.tuned_on,
            calibration=Calibration(**to_values(found.calibration)),
            labels=policies.get(task, LabelPolicy()),
        )
        for task, found in tuned.items()
    }


def _is_complete(logits: np.ndarray) -> bool:
    return bool(np.isfinite(logits).all())
