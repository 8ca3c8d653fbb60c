"""Differences between models, paired: both are scored on the same draws of the same examples."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerastl.evaluation.intervals import FEWEST_GROUPS, Bootstrap, Draws, interval
from kerastl.evaluation.means import divided
from kerastl.evaluation.replicates import auc_under
from kerastl.evaluation.scores import score_task


def paired_difference(
    labels: np.ndarray,
    first: Sequence[np.ndarray],
    second: Sequence[np.ndarray],
    *,
    bootstrap: Bootstrap,
) -> dict[str, Any]:
    """Returns how much higher the macro AUC of `first` is than that of `second`.

    With several trainings of each (one per seed) the difference is their mean, and each replicate
    draws trainings as well as groups: the interval holds both kinds of chance.

    Args:
        labels: `(examples, tasks)`, NaN where unknown.
        first: Scores of each training, each `(examples, tasks)`; higher means more likely yes.
        second: The same of what it is compared with, paired by position.
        bootstrap: How the interval is made.

    Returns:
        `difference`, `interval` (None with fewer than 20 groups) and the `differences` per
        training.
    """
    pairs = list(zip(first, second, strict=True))
    differences = [_macro_auc(labels, a) - _macro_auc(labels, b) for a, b in pairs]
    draws = Draws(bootstrap)
    replicates = [_replicates(labels, a, draws) - _replicates(labels, b, draws) for a, b in pairs]
    by_training = np.stack(replicates)
    random = np.random.default_rng(bootstrap.seed)
    drawn = random.integers(len(pairs), size=(len(pairs), by_training.shape[1]))
    averaged = np.take_along_axis(by_training, drawn, axis=0).mean(axis=0)
    enough = len(np.unique(np.asarray(bootstrap.groups, dtype=str))) >= FEWEST_GROUPS
    return {
        "difference": float(np.mean(differences)),
        "interval": interval(averaged) if enough else None,
        "differences": [float(value) for value in differences],
    }


def _macro_auc(labels: np.ndarray, scores: np.ndarray) -> float:
    ranks = _ranks(scores)
    tasks = [score_task(labels[:, i], ranks[:, i], threshold=0.5) for i in range(labels.shape[1])]
    return float(np.nanmean([task.auc for task in tasks]))


def _ranks(scores: np.ndarray) -> np.ndarray:
    """Returns scores in [0, 1] of the same order, equal where they were equal."""
    columns = [np.unique(column, return_inverse=True)[1] for column in scores.T]
    return np.stack(columns, axis=1) / max(1, len(scores))


def _replicates(labels: np.ndarray, scores: np.ndarray, draws: Draws) -> np.ndarray:
    """Returns the macro AUC of each replicate over the tasks that are defined in it."""
    tasks = [auc_under(labels[:, i], scores[:, i], draws) for i in range(labels.shape[1])]
    found = np.stack(tasks)
    defined = ~np.isnan(found)
    return divided(np.where(defined, found, 0).sum(axis=0), defined.sum(axis=0))
