"""Thresholds and calibration of a run, chosen on held-out predictions.

Convention: out-of-fold predictions of the fitted examples if the exact head made them, otherwise
predictions of the validation examples; never the test split.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from kerastl.config import EvaluationConfig, LabelPolicy, LossConfig
from kerastl.config.policies import ThresholdPolicy
from kerastl.data.tables.examples import Examples
from kerastl.errors import counted
from kerastl.evaluation.calibration import (
    NO_SKILL,
    NOT_ASKED_FOR,
    Platt,
    calibrated_probabilities,
    fit_platts,
    unweighted_offset,
)
from kerastl.evaluation.held_out import OUT_OF_FOLD, VALIDATION, HeldOutPredictions, level_folds
from kerastl.evaluation.thresholds import DEFAULT, ChosenThreshold, choose_threshold
from kerastl.run.bundle import Calibration, TaskBundle
from kerastl.training.solving import TrainingResult
from kerastl.training.task_weights import positive_weights


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
    exact = fitted.exact if fitted.is_frozen else None
    if exact is not None and np.isfinite(exact.out_of_fold_logits).all():
        rows, source = examples.rows(*fitted.fitted_on), OUT_OF_FOLD
        found = level_folds(exact.out_of_fold_logits, exact.folds)
    else:
        rows, source = examples.rows("validation"), VALIDATION
        found = logits[rows]
    return HeldOutPredictions(rows=rows, logits=found, labels=examples.labels[rows], source=source)


def tune_tasks(
    held_out: HeldOutPredictions,
    evaluation: EvaluationConfig,
    tasks: tuple[str, ...],
    policies: Mapping[str, LabelPolicy],
    *,
    offsets: Mapping[str, float],
    groups: np.ndarray | None = None,
) -> dict[str, TaskBundle]:
    """Calibrates each task, then chooses its threshold on the calibrated scale.

    A threshold under `false_accepts_per_hour<=x` is chosen on recordings, not here; until then it
    is 0.5.

    Args:
        held_out: Predictions to choose on, uncalibrated.
        evaluation: Threshold policies, and whether to calibrate.
        tasks: Names of the columns.
        policies: Label policy of each task that has one.
        offsets: Result of `unweighted_offsets`, for tasks that are not calibrated.
        groups: Group of each held-out example, for promises. None: the examples are independent.
    """
    platts = [Platt(reason=NOT_ASKED_FOR)] * len(tasks)
    if evaluation.calibrate:
        platts = fit_platts(held_out.labels, held_out.logits)
    tuned = {}
    for i, task in enumerate(tasks):
        labels, logits = held_out.labels[:, i], held_out.logits[:, i]
        policy = evaluation.policy(task)
        platt = platts[i] if platts[i].is_fitted else replace(platts[i], offset=offsets[task])
        chosen = _threshold(labels, logits, policy, platt, held_out.source, groups)
        num_known = counted(int((~np.isnan(labels)).sum()), "known label")
        is_tuned = evaluation.calibrate or not policy.is_fixed
        tuned[task] = TaskBundle(
            threshold=chosen.threshold,
            threshold_policy=str(policy),
            threshold_note=chosen.note,
            bounds=dict(chosen.bounds),
            promise=chosen.promise,
            tuned_on=f"{held_out.source}, {num_known}" if is_tuned else "nothing",
            calibration=Calibration(**vars(platt)),
            labels=policies.get(task, LabelPolicy()),
        )
    return tuned


def unweighted_offsets(
    loss: LossConfig,
    labels: np.ndarray,
    tasks: tuple[str, ...],
    unknown_weight: Mapping[str, float],
) -> dict[str, float]:
    """Returns for each task the offset that undoes positive weights and label smoothing.

    Labels are those of training, `(examples, tasks)`, NaN where unknown.
    """
    weights = positive_weights(loss.positive_weight, labels, tasks, unknown_weight)
    known = (~np.isnan(labels)).sum(axis=0)
    shares = (np.nansum(labels, axis=0) + 0.5) / (known + 1)  # also without positives
    return {
        task: unweighted_offset(
            weights[task], label_smoothing=loss.label_smoothing, share=float(share)
        )
        for task, share in zip(tasks, shares, strict=True)
    }


def _threshold(
    labels: np.ndarray,
    logits: np.ndarray,
    policy: ThresholdPolicy,
    platt: Platt,
    source: str,
    groups: np.ndarray | None,
) -> ChosenThreshold:
    if policy.needs_recordings:
        chosen = ChosenThreshold(threshold=DEFAULT)
    else:
        calibrated = calibrated_probabilities(logits[:, None], [platt.scale], [platt.offset])
        chosen = choose_threshold(labels, calibrated[:, 0], policy, groups=groups)
    if platt.reason != NO_SKILL:
        return chosen
    note = f"its decisions are guesses because {NO_SKILL} in {source} predictions"
    return replace(chosen, note=note)
