"""The scores of some rows of a table under a run's bundle, and what is to be said beside them."""

from typing import Any

import numpy as np

from kerastl.config import EvaluationConfig
from kerastl.data.tables.examples import Examples
from kerastl.evaluation.calibration import calibrated_probabilities
from kerastl.evaluation.intervals import Bootstrap
from kerastl.evaluation.scores import CALIBRATION_SCORES, calibration_scores, score_split
from kerastl.run.bundle import Bundle
from kerastl.run.tuning import VALIDATION

_FITTED = "The model was fitted on these examples: their scores are too good to be true."
_TUNED = "Thresholds and calibration were chosen on these examples: their scores are flattered."


def make_bootstrap(evaluation: EvaluationConfig, examples: Examples) -> Bootstrap:
    """Returns how intervals are made: over groups, or over files where nothing groups them.

    Args:
        evaluation: Says how many replicates.
        examples: The examples to score.
    """
    return Bootstrap(
        groups=examples.units,
        unit="examples" if examples.groups is None else "groups",
        replicates=evaluation.bootstrap,
        seed=evaluation.seed,
    )


def score_rows(
    examples: Examples,
    logits: np.ndarray,
    bundle: Bundle,
    evaluation: EvaluationConfig,
    *,
    part: str | None,
) -> dict[str, Any]:
    """Returns `{"macro": ..., "tasks": ..., "tuned_on": ..., "note": ...}`.

    Each task also has `before_calibration` with its log loss, Brier score and expected calibration
    error without calibration.

    Args:
        examples: The examples to score.
        logits: Their uncalibrated logits, `(examples, tasks)`.
        bundle: Thresholds and calibration.
        evaluation: How intervals are made.
        part: The split that the rows are, or None for another table.
    """
    labels = examples.labels
    scores = score_split(
        labels,
        calibrate(bundle, logits),
        bundle.task_names,
        bundle.thresholds,
        bootstrap=None if part == "train" else make_bootstrap(evaluation, examples),
    )
    raw = calibrated_probabilities(logits, [1.0] * logits.shape[1], [0.0] * logits.shape[1])
    before = [calibration_scores(labels[:, i], raw[:, i]) for i in range(logits.shape[1])]
    for task, found in zip(scores["tasks"].values(), before, strict=True):
        task["before_calibration"] = found
    scores["macro"]["before_calibration"] = {
        name: _mean([found[name] for found in before]) for name in CALIBRATION_SCORES
    }
    source = next(iter(bundle.tasks.values())).tuned_on.partition(",")[0]
    return {**scores, "tuned_on": source, "note": _note(part, source)}


def calibrate(bundle: Bundle, logits: np.ndarray) -> np.ndarray:
    """Returns calibrated probabilities, `(examples, tasks)`.

    Args:
        bundle: Holds scale and offset of each task.
        logits: `(examples, tasks)`.
    """
    found = [task.calibration for task in bundle.tasks.values()]
    return calibrated_probabilities(
        logits, [one.scale for one in found], [one.offset for one in found]
    )


def _note(part: str | None, tuned_on: str) -> str | None:
    if part == "train":
        return _FITTED
    return _TUNED if part == VALIDATION and tuned_on == VALIDATION else None


def _mean(values: list[float]) -> float:
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")
