"""The exact head: a linear head on constant features, solved to its optimum.

Convention: a column is one logistic regression. All columns (tasks, folds) share each pass over the
features, because the passes dominate the cost.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kerastl.data.tables.splits import assign_folds
from kerastl.threads import one_blas_thread
from kerastl.training.exact_head.logistic import Problem, Targets, mean_loss, minimize
from kerastl.training.exact_head.rotation import rotate, standardize

STRENGTHS = tuple(float(x) for x in np.logspace(1, -4, 11))
_PATH_TOLERANCE = 5e-4
_FINAL_TOLERANCE = 1e-7
_HOPELESS = 1.05  # the path ends if every task is this much worse than at its best


@dataclass(frozen=True, kw_only=True)
class ExactHead:
    """The optimum of the masked logistic loss with L2."""

    kernel: np.ndarray  # `(feature_dim, tasks)` for features as they are, not standardized
    bias: np.ndarray  # `(tasks,)`
    strengths: np.ndarray  # of L2 for each task, relative to the mean loss over its known labels
    # `(examples, tasks)`, each from a fit without the example's fold; NaN if strengths were given.
    out_of_fold_logits: np.ndarray
    folds: np.ndarray | None  # of each example; None if strengths were given
    # Out-of-fold loss, mean over known labels, `(strengths, tasks)`, NaN after the end of the path;
    # None if strengths were given.
    path: np.ndarray | None

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Returns logits, `(examples, tasks)` float32, of features `(examples, feature_dim)`."""
        with one_blas_thread():
            return np.asarray(features @ self.kernel + self.bias, np.float32)


def make_targets(
    labels: np.ndarray,
    *,
    label_smoothing: float,
    positive_weight: Sequence[float] | None,
    unknown_weight: Sequence[float] | float = 0.0,
) -> Targets:
    """Returns the weights of both classes; arguments as of `solve_head`."""
    known = ~np.isnan(labels)
    y = np.where(known, labels, 0.0) * (1 - label_smoothing) + 0.5 * label_smoothing
    counts = np.where(known, 1.0, unknown_weight)
    weight = np.ones(labels.shape[1]) if positive_weight is None else np.asarray(positive_weight)
    return Targets(
        positive=(y * weight * counts).astype(np.float32),
        negative=((1 - y) * counts).astype(np.float32),
    )


def solve_head(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    groups: np.ndarray | None,
    regularization: float | str = "auto",
    num_folds: int = 5,
    label_smoothing: float = 0.0,
    positive_weight: Sequence[float] | None = None,
    unknown_weight: Sequence[float] | float = 0.0,
    seed: int = 0,
) -> ExactHead:
    """Solves one logistic regression per task on the labels that are known.

    The strength of L2 is chosen per task by the out-of-fold loss; folds keep groups whole. The path
    goes from strong to weak, and each solution starts from the previous one.

    Memory: a standardized copy of the features, and a few arrays of
    `(examples, tasks * (num_folds + 1))`.

    Args:
        features: `(examples, feature_dim)` float32.
        labels: `(examples, tasks)` in [0, 1], NaN where unknown.
        regularization: A strength for all tasks, or `"auto"`, with so many folds.
        label_smoothing: Share by which labels are moved towards 0.5.
        positive_weight: Weight of the positive class of each task.
        unknown_weight: Weight with which an unknown label counts as "no", of each task or of all.
    """
    standardized, mean, scale = standardize(features)
    problem, axes = rotate(standardized)
    targets = make_targets(
        labels,
        label_smoothing=label_smoothing,
        positive_weight=positive_weight,
        unknown_weight=unknown_weight,
    )
    start, out_of_fold, path, folds = None, np.full(labels.shape, np.nan), None, None
    if regularization == "auto":
        hard = np.where(labels >= 0.5, 1.0, np.where(labels < 0.5, 0.0, np.nan))
        folds = assign_folds(hard, groups, num_folds=num_folds, seed=seed)
        strengths, start, out_of_fold, path = _cross_validate(problem, targets, folds)
    else:
        strengths = np.full(labels.shape[1], float(regularization))
    # The approach in single precision, the last digits in double.
    near = minimize(problem, targets, strengths, start, tolerance=_PATH_TOLERANCE)
    weights = minimize(
        problem, targets, strengths, near, tolerance=_FINAL_TOLERANCE, precision=np.float64
    )
    kernel = (axes.astype(np.float64) @ weights[:-1]) / scale[:, None]
    return ExactHead(
        kernel=kernel.astype(np.float32),
        bias=(weights[-1] - mean @ kernel).astype(np.float32),
        strengths=strengths,
        out_of_fold_logits=out_of_fold.astype(np.float32),
        folds=folds,
        path=path,
    )


def _cross_validate(
    problem: Problem, targets: Targets, folds: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns strengths, a start for the fit on all rows, out-of-fold logits and the path."""
    num_folds, num_tasks = int(folds.max()) + 1, targets.positive.shape[1]
    start = np.zeros((problem.dim + 1, num_tasks))
    logits = np.zeros(targets.positive.shape, np.float32)
    strengths = np.full(num_tasks, STRENGTHS[0])
    path = np.full((len(STRENGTHS), num_tasks), np.nan)
    columns = _without_each_fold(targets, folds, num_folds)
    weights: np.ndarray | None = None
    for step, strength in enumerate(STRENGTHS):
        repeated = np.full(num_folds * num_tasks, strength)
        weights = minimize(problem, columns, repeated, weights, tolerance=_PATH_TOLERANCE)
        every = problem.logits(weights).reshape(len(folds), num_folds, num_tasks)
        held_out = every[np.arange(len(folds)), folds]
        path[step] = mean_loss(held_out, targets)
        better = path[step] <= np.nanmin(path[: step + 1], axis=0)
        strengths = np.where(better, strength, strengths)
        by_fold = weights.reshape(problem.dim + 1, num_folds, num_tasks)
        start[:, better] = by_fold.mean(axis=1)[:, better]
        logits[:, better] = held_out[:, better]
        if np.all(path[step] > _HOPELESS * np.nanmin(path, axis=0)):
            break
    return strengths, start, logits, path


def _without_each_fold(targets: Targets, folds: np.ndarray, num_folds: int) -> Targets:
    """Returns one column per fold and task, in this order, without the labels of the fold."""
    seen = [(folds != fold)[:, None] for fold in range(num_folds)]
    return Targets(
        positive=np.concatenate([targets.positive * rows for rows in seen], axis=1),
        negative=np.concatenate([targets.negative * rows for rows in seen], axis=1),
    )
