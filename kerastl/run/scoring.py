"""Scores of examples with the thresholds and the calibration of a bundle."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import scipy.special

from kerastl.config import EvaluationConfig
from kerastl.data.tables.examples import PARTS, Examples
from kerastl.evaluation.adjusted_counting import ALL_KNOWN
from kerastl.evaluation.held_out import VALIDATION
from kerastl.evaluation.intervals import Bootstrap
from kerastl.evaluation.missingness import MissingnessReport
from kerastl.evaluation.score_types import SplitScores
from kerastl.evaluation.scores import score_split
from kerastl.run.bundle import Bundle, EngineFacts
from kerastl.versions import installed_version

_ENGINE_PACKAGES = {"xla": "tensorflow"}  # others are packages of the same name

_FITTED = "The model was fitted on these examples, so their scores are too optimistic."
_OUT_OF_FOLD = (
    "The model was fitted on these examples too; the scores are those of out-of-fold predictions, "
    "on which thresholds and calibration were chosen."
)
_TUNED = "Thresholds and calibration were chosen on these examples, so the scores are optimistic."


def make_bootstrap(evaluation: EvaluationConfig, examples: Examples) -> Bootstrap:
    """Returns the bootstrap over groups, or over files if there are no groups."""
    return Bootstrap(
        groups=list(map(str, examples.files)) if examples.groups is None else examples.groups,
        unit="examples" if examples.groups is None else "groups",
        replicates=evaluation.bootstrap,
        seed=evaluation.seed,
    )


def score_rows(
    labels: np.ndarray, logits: np.ndarray, bundle: Bundle, bootstrap: Bootstrap, part: str | None
) -> SplitScores:
    """Scores examples with and without calibration.

    Args:
        labels: `(examples, tasks)`, NaN where unknown.
        logits: Uncalibrated, `(examples, tasks)`.
        bundle: Thresholds and calibration.
        bootstrap: How intervals are computed; those of the training split have none.
        part: The split of the examples, or None for another table.
    """
    source = next(iter(bundle.tasks.values())).tuned_on.partition(",")[0]
    notes = {"train": _FITTED}
    if source == VALIDATION:
        notes[VALIDATION] = _TUNED
    elif VALIDATION in bundle.fitted_on:
        notes[VALIDATION] = _OUT_OF_FOLD
    scores = score_split(
        labels,
        calibrate(bundle, logits),
        bundle.task_names,
        bundle.thresholds,
        bootstrap=None if part == "train" else bootstrap,
        uncalibrated=scipy.special.expit(logits.astype(np.float64)),
        tuned_on=source,
        note=notes.get(part or ""),
    )
    facts = {name: task.facts for name, task in bundle.tasks.items()}
    return replace(scores, thresholds=facts)


def score_parts(
    examples: Examples, logits: np.ndarray, bundle: Bundle, bootstrap: Bootstrap
) -> dict[str, SplitScores]:
    """Returns the scores of every split that has rows; the bootstrap is that of all examples."""
    groups = np.asarray(bootstrap.groups)
    scores = {}
    for part in reversed(PARTS):
        if len(rows := examples.rows(part)):
            drawn = replace(bootstrap, groups=groups[rows])
            scores[part] = score_rows(examples.labels[rows], logits[rows], bundle, drawn, part)
    return scores


def with_positive_shares(
    scores: Mapping[str, SplitScores], missingness: MissingnessReport
) -> dict[str, SplitScores]:
    """Returns the scores of all splits with the estimates that were made on one of them."""
    part = VALIDATION if missingness.examined_on.startswith(VALIDATION) else "train"
    if part not in scores:
        return dict(scores)
    shares = missingness.positives
    tasks = {
        task: replace(one, positive_share=share)
        if (share := shares.get(task)) is not None and share.reason != ALL_KNOWN
        else one
        for task, one in scores[part].tasks.items()
    }
    return {**scores, part: replace(scores[part], tasks=tasks)}


def calibrate(bundle: Bundle, logits: np.ndarray) -> np.ndarray:
    """Returns calibrated probabilities, `(examples, tasks)`."""
    return scipy.special.expit(calibrated_logits(bundle, logits))


def calibrated_logits(bundle: Bundle, logits: np.ndarray) -> np.ndarray:
    """Returns calibrated logits, `(examples, tasks)`."""
    found = [task.calibration for task in bundle.tasks.values()]
    scales, offsets = ([getattr(one, name) for one in found] for name in ("scale", "offset"))
    return logits.astype(np.float64) * np.asarray(scales) + np.asarray(offsets)


def engine_facts(label: str) -> EngineFacts:
    """Returns the facts of the engine with a label such as `"openvino float32"`.

    Of several engines in a label, such as `"openvino float32, keras float32"`, the first one.
    """
    name, precision = label.partition(",")[0].split()
    version = installed_version(_ENGINE_PACKAGES.get(name, name))
    return EngineFacts.model_validate({"name": name, "precision": precision, "version": version})
