"""Scores that rest on what is known, exact and per task.

Convention: an undefined score is NaN here, null in JSON and a dash on the terminal, never 0.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import sklearn.metrics


@dataclass(frozen=True, kw_only=True)
class TaskScores:
    """The scores of one task on one split.

    Args:
        known: Number of known labels that every score rests on.
        positives: Number of positives among them.
        auc: Area under the ROC curve in [0, 1], higher is better; NaN where a class is missing.
        average_precision: In [0, 1], higher is better; NaN where positives are missing.
        accuracy: Share of right decisions at the threshold, in [0, 1]; NaN where nothing is known.
        log_loss: Mean logistic loss in nats, lower is better.
        brier: Mean squared error of the probability, lower is better.
        threshold: The threshold of the decisions.
    """

    known: int
    positives: int
    auc: float
    average_precision: float
    accuracy: float
    log_loss: float
    brier: float
    threshold: float


MACRO = ("auc", "average_precision", "accuracy", "log_loss", "brier")


def score_task(labels: np.ndarray, probabilities: np.ndarray, *, threshold: float) -> TaskScores:
    """Scores one task.

    Args:
        labels: 1, 0 or NaN for unknown, shape `(examples,)`.
        probabilities: In [0, 1], shape `(examples,)`.
        threshold: A probability at or above it counts as a yes.
    """
    known = ~np.isnan(labels)
    y = labels[known].astype(int)
    p = probabilities[known].astype(np.float64)
    both = 0 < y.sum() < len(y)
    return TaskScores(
        known=len(y),
        positives=int(y.sum()),
        auc=float(sklearn.metrics.roc_auc_score(y, p)) if both else math.nan,
        average_precision=(
            float(sklearn.metrics.average_precision_score(y, p)) if y.any() else math.nan
        ),
        accuracy=float(np.mean((p >= threshold) == y)) if len(y) else math.nan,
        log_loss=_log_loss(y, p) if len(y) else math.nan,
        brier=float(np.mean((p - y) ** 2)) if len(y) else math.nan,
        threshold=threshold,
    )


def score_split(
    labels: np.ndarray,
    probabilities: np.ndarray,
    tasks: Sequence[str],
    thresholds: Mapping[str, float],
) -> dict[str, Any]:
    """Returns `{"macro": {...}, "tasks": {task: {...}}}` for one split.

    A macro score is the mean over the tasks where it is defined; `defined` says how many.

    Args:
        labels: `(examples, tasks)`, NaN where unknown.
        probabilities: `(examples, tasks)`.
        tasks: Names of the columns.
        thresholds: Threshold of each task.
    """
    scores = {
        task: score_task(labels[:, i], probabilities[:, i], threshold=thresholds[task])
        for i, task in enumerate(tasks)
    }
    macro: dict[str, Any] = {name: _mean_of_defined(scores, name) for name in MACRO}
    macro["defined"] = sum(not math.isnan(score.auc) for score in scores.values())
    macro["known"] = sum(score.known for score in scores.values())
    macro["examples"] = len(labels)
    return {
        "macro": macro,
        "tasks": {task: asdict(score) for task, score in scores.items()},
    }


def _log_loss(y: np.ndarray, p: np.ndarray) -> float:
    clipped = np.clip(p, 1e-15, 1 - 1e-15)
    return float(-np.mean(np.where(y == 1, np.log(clipped), np.log1p(-clipped))))


def _mean_of_defined(scores: Mapping[str, TaskScores], name: str) -> float:
    values = [getattr(score, name) for score in scores.values()]
    defined = [value for value in values if not math.isnan(value)]
    return float(np.mean(defined)) if defined else math.nan
