"""Scores of examples with the thresholds and the calibration of a bundle."""

import numpy as np

from kerastl.config import EvaluationConfig
from kerastl.data.tables.examples import PARTS, Examples
from kerastl.evaluation.calibration import calibrated_probabilities
from kerastl.evaluation.held_out import VALIDATION
from kerastl.evaluation.intervals import Bootstrap
from kerastl.evaluation.score_types import SplitScores
from kerastl.evaluation.scores import score_split
from kerastl.run.bundle import Bundle

_FITTED = "The model was fitted on these examples, so their scores are too optimistic."
_TUNED = "Thresholds and calibration were chosen on these examples, so the scores are optimistic."


def make_bootstrap(evaluation: EvaluationConfig, examples: Examples) -> Bootstrap:
    """Returns the bootstrap over groups, or over files if there are no groups."""
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
) -> SplitScores:
    """Scores examples with and without calibration.

    Args:
        examples: The examples to score.
        logits: Their uncalibrated logits, `(examples, tasks)`.
        bundle: Thresholds and calibration.
        evaluation: Number of replicates and seed of the bootstrap.
        part: The split of the examples, or None for another table.
    """
    source = next(iter(bundle.tasks.values())).tuned_on.partition(",")[0]
    num_tasks = logits.shape[1]
    notes = {"train": _FITTED, VALIDATION: _TUNED if source == VALIDATION else None}
    return score_split(
        examples.labels,
        calibrate(bundle, logits),
        bundle.task_names,
        bundle.thresholds,
        bootstrap=None if part == "train" else make_bootstrap(evaluation, examples),
        uncalibrated=calibrated_probabilities(logits, [1.0] * num_tasks, [0.0] * num_tasks),
        tuned_on=source,
        note=notes.get(part or ""),
    )


def score_parts(
    examples: Examples, logits: np.ndarray, bundle: Bundle, evaluation: EvaluationConfig
) -> dict[str, SplitScores]:
    """Returns the scores of every split that has rows."""
    rows = {part: examples.rows(part) for part in reversed(PARTS)}
    return {
        part: score_rows(examples.take(here), logits[here], bundle, evaluation, part=part)
        for part, here in rows.items()
        if len(here)
    }


def calibrate(bundle: Bundle, logits: np.ndarray) -> np.ndarray:
    """Returns calibrated probabilities, `(examples, tasks)`."""
    found = [task.calibration for task in bundle.tasks.values()]
    return calibrated_probabilities(
        logits, [one.scale for one in found], [one.offset for one in found]
    )
