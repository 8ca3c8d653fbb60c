"""Calibration and threshold of each task, from predictions of held-out examples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kerastl.config.policies import ThresholdPolicy
from kerastl.errors import counted
from kerastl.evaluation.calibration import NO_SKILL, Platt, calibrated_probabilities, fit_platt
from kerastl.evaluation.held_out import HeldOutPredictions
from kerastl.evaluation.thresholds import DEFAULT, ChosenThreshold, choose_threshold

NOT_ASKED_FOR = "evaluation.calibrate: false"


@dataclass(frozen=True, kw_only=True)
class TunedTask:
    """Calibration and threshold of one task.

    Args:
        calibration: Scale and offset of the logits.
        threshold: On the calibrated scale.
        tuned_on: The source of the predictions and their number of known labels, or `"nothing"`.
    """

    calibration: Platt
    threshold: ChosenThreshold
    tuned_on: str


def tune(
    held_out: HeldOutPredictions,
    tasks: Sequence[str],
    policies: Mapping[str, ThresholdPolicy],
    *,
    calibrate: bool,
) -> dict[str, TunedTask]:
    """Calibrates each task, then chooses its threshold on the calibrated scale.

    A threshold under `false_accepts_per_hour<=x` is chosen on recordings, not here; until then it
    is 0.5.

    Args:
        held_out: Predictions to choose on, uncalibrated.
        tasks: Names of the columns.
        policies: Threshold policy of each task.
        calibrate: Whether scale and offset are fitted.
    """
    return {
        task: _tune(
            held_out.labels[:, i],
            held_out.logits[:, i],
            policies[task],
            source=held_out.source,
            calibrate=calibrate,
        )
        for i, task in enumerate(tasks)
    }


def _tune(
    labels: np.ndarray, logits: np.ndarray, policy: ThresholdPolicy, *, source: str, calibrate: bool
) -> TunedTask:
    platt = fit_platt(labels, logits) if calibrate else Platt(reason=NOT_ASKED_FOR)
    is_tuned = calibrate or not policy.is_fixed
    num_known = int((~np.isnan(labels)).sum())
    return TunedTask(
        calibration=platt,
        threshold=_threshold(labels, logits, policy, platt, source),
        tuned_on=f"{source}, {counted(num_known, 'known label')}" if is_tuned else "nothing",
    )


def _threshold(
    labels: np.ndarray, logits: np.ndarray, policy: ThresholdPolicy, platt: Platt, source: str
) -> ChosenThreshold:
    if policy.needs_recordings:
        chosen = ChosenThreshold(threshold=DEFAULT)
    else:
        calibrated = calibrated_probabilities(logits[:, None], [platt.scale], [platt.offset])
        chosen = choose_threshold(labels, calibrated[:, 0], policy)
    if platt.reason != NO_SKILL:
        return chosen
    note = f"its decisions are guesses because {NO_SKILL} in {source} predictions"
    return ChosenThreshold(threshold=chosen.threshold, note=note)
