"""The exact head: a linear head on constant features, solved to its optimum.

Convention: a column is one logistic regression; all columns (tasks, folds) share each pass over
the features, because the passes are what costs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.optimize
import scipy.special

from kerastl.data.splits import assign_folds

STRENGTHS = tuple(float(x) for x in np.logspace(1, -4, 11))
_BIAS_PENALTY = 1e-6
_TOLERANCE = 1e-5
_MAX_ITERATIONS = 300


@dataclass(frozen=True, kw_only=True)
class ExactHead:
    """The optimum of the masked logistic loss with L2.

    Args:
        kernel: `(feature_dim, tasks)` for features as they are, not standardized.
        bias: `(tasks,)`.
        strengths: Chosen L2 strength of each task, relative to the mean loss over its known labels.
        out_of_fold_logits: `(examples, tasks)`, each from a fit that didn't see the example's fold;
            NaN where the strength was given.
        path: Out-of-fold loss, mean over known labels, `(strengths, tasks)`, or None.
    """

    kernel: np.ndarray
    bias: np.ndarray
    strengths: np.ndarray
    out_of_fold_logits: np.ndarray
    path: np.ndarray | None


@dataclass(frozen=True, kw_only=True)
class Targets:
    """What the loss of each column weighs: `positive * softplus(-z) + negative * softplus(z)`.

    Args:
        positive: `(examples, columns)`, 0 where unknown.
        negative: The same for the other class.
    """

    positive: np.ndarray
    negative: np.ndarray

    @property
    def num_known(self) -> np.ndarray:
        """Number of known labels of each column, at least 1."""
        return np.maximum(((self.positive + self.negative) > 0).sum(axis=0), 1)


def make_targets(
    labels: np.ndarray, *, label_smoothing: float, positive_weight: Sequence[float] | None
) -> Targets:
    """Returns the weights of both classes; unknown labels weigh nothing.

    Args:
        labels: `(examples, tasks)` in [0, 1], NaN where unknown.
        label_smoothing: Share by which labels are drawn towards 0.5.
        positive_weight: Weight of the positive class of each task, or None.
    """
    known = ~np.isnan(labels)
    y = np.where(known, labels, 0.0) * (1 - label_smoothing) + 0.5 * label_smoothing
    weight = np.ones(labels.shape[1]) if positive_weight is None else np.asarray(positive_weight)
    return Targets(
        positive=np.where(known, y * weight, 0.0).astype(np.float32),
        negative=np.where(known, 1 - y, 0.0).astype(np.float32),
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
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> ExactHead:
    """Solves one logistic regression per task on the labels that are known.

    The strength of L2 is chosen per task by the out-of-fold loss; folds keep groups whole. The
    path runs from strong to weak, each solution starting from the last.

    Args:
        features: `(examples, feature_dim)` float32.
        labels: `(examples, tasks)` in [0, 1], NaN where unknown.
        groups: Group of each example, or None.
        regularization: A strength for all tasks, or `"auto"`.
        num_folds: Number of folds for `"auto"`.
        label_smoothing: Share by which labels are drawn towards 0.5.
        positive_weight: Weight of the positive class of each task.
        seed: Seed of the folds.
        on_progress: Called with steps done and steps in all.
    """
    mean, scale = _standardization(features)
    standardized = (features - mean) / scale
    targets = make_targets(labels, label_smoothing=label_smoothing, positive_weight=positive_weight)
    if regularization == "auto":
        folds = assign_folds(
            np.where(labels >= 0.5, 1.0, np.where(labels < 0.5, 0.0, np.nan)),
            groups,
            num_folds=num_folds,
            seed=seed,
        )
        weights, strengths, out_of_fold, path = _cross_validated(
            standardized, targets, folds, on_progress
        )
    else:
        strengths = np.full(labels.shape[1], float(regularization))
        weights = minimize(standardized, targets, strengths)
        out_of_fold, path = np.full(labels.shape, np.nan), None
    kernel = weights[:-1] / scale[:, None]
    return ExactHead(
        kernel=kernel.astype(np.float32),
        bias=(weights[-1] - mean @ kernel).astype(np.float32),
        strengths=strengths,
        out_of_fold_logits=out_of_fold.astype(np.float32),
        path=path,
    )


def minimize(
    features: np.ndarray,
    targets: Targets,
    strengths: np.ndarray,
    start: np.ndarray | None = None,
) -> np.ndarray:
    """Minimizes the mean loss over known labels plus L2 for all columns together.

    Args:
        features: `(examples, feature_dim)`, standardized.
        targets: Weights of both classes, `(examples, columns)`.
        strengths: L2 strength of each column.
        start: Where to start, `(feature_dim + 1, columns)`; None starts at 0.

    Returns:
        `(feature_dim + 1, columns)`; the last row is the bias.
    """
    shape = (features.shape[1] + 1, targets.positive.shape[1])
    penalty = np.repeat(strengths[None, :], shape[0], axis=0)
    penalty[-1] = _BIAS_PENALTY
    scale = 1.0 / targets.num_known
    transposed = np.ascontiguousarray(features.T) if features.size < 2**26 else features.T

    def loss_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(shape)
        logits = features @ weights[:-1].astype(features.dtype) + weights[-1].astype(np.float32)
        positive_term = np.logaddexp(0, -logits)
        losses = targets.positive * positive_term + targets.negative * (positive_term + logits)
        probability = scipy.special.expit(logits)
        slopes = targets.negative * probability - targets.positive * (1 - probability)
        slopes *= scale.astype(np.float32)
        gradient = np.empty(shape)
        gradient[:-1] = transposed @ slopes
        gradient[-1] = slopes.sum(axis=0, dtype=np.float64)
        gradient += penalty * weights
        loss = (losses.sum(axis=0, dtype=np.float64) * scale).sum()
        return loss + 0.5 * float((penalty * weights**2).sum()), gradient.ravel()

    result = scipy.optimize.minimize(
        loss_and_gradient,
        np.zeros(shape).ravel() if start is None else start.ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _MAX_ITERATIONS, "gtol": _TOLERANCE, "ftol": 1e-10, "maxcor": 10},
    )
    return result.x.reshape(shape)


def _standardization(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = features.mean(axis=0, dtype=np.float64)
    scale = features.std(axis=0, dtype=np.float64)
    constant = scale < 1e-6 * np.maximum(np.abs(mean), 1e-6)
    return mean.astype(np.float32), np.where(constant, 1.0, scale).astype(np.float32)


def _cross_validated(
    features: np.ndarray,
    targets: Targets,
    folds: np.ndarray,
    on_progress: Callable[[int, int], None] | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    num_folds = int(folds.max()) + 1
    num_tasks = targets.positive.shape[1]
    # One column per fit: first the fits on all rows, then for each fold those on the others.
    columns = _with_folds(targets, folds, num_folds)
    weights: np.ndarray | None = None
    best_loss = np.full(num_tasks, np.inf)
    best_weights = np.zeros((features.shape[1] + 1, num_tasks))
    best_logits = np.zeros(targets.positive.shape)
    strengths = np.zeros(num_tasks)
    path = np.zeros((len(STRENGTHS), num_tasks))
    for step, strength in enumerate(STRENGTHS):
        weights = minimize(
            features, columns, np.full(num_tasks * (num_folds + 1), strength), weights
        )
        logits = _held_out_logits(features, weights, folds, num_tasks)
        path[step] = _mean_loss(logits, targets)
        better = path[step] < best_loss
        best_loss = np.where(better, path[step], best_loss)
        strengths = np.where(better, strength, strengths)
        best_weights[:, better] = weights[:, :num_tasks][:, better]
        best_logits[:, better] = logits[:, better]
        if on_progress:
            on_progress(step + 1, len(STRENGTHS))
        if np.all(path[step] > 1.2 * best_loss):
            path[step + 1 :] = np.nan
            break
    return best_weights, strengths, best_logits, path


def _with_folds(targets: Targets, folds: np.ndarray, num_folds: int) -> Targets:
    seen = [np.ones(len(folds), bool), *(folds != fold for fold in range(num_folds))]
    return Targets(
        positive=np.concatenate([targets.positive * rows[:, None] for rows in seen], axis=1),
        negative=np.concatenate([targets.negative * rows[:, None] for rows in seen], axis=1),
    )


def _held_out_logits(
    features: np.ndarray, weights: np.ndarray, folds: np.ndarray, num_tasks: int
) -> np.ndarray:
    logits = np.empty((len(features), num_tasks))
    for fold in range(int(folds.max()) + 1):
        columns = slice((fold + 1) * num_tasks, (fold + 2) * num_tasks)
        rows = folds == fold
        logits[rows] = features[rows] @ weights[:-1, columns] + weights[-1, columns]
    return logits


def _mean_loss(logits: np.ndarray, targets: Targets) -> np.ndarray:
    positive_term = np.logaddexp(0, -logits)
    losses = targets.positive * positive_term + targets.negative * (positive_term + logits)
    return losses.sum(axis=0) / targets.num_known
