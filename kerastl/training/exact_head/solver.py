"""The exact head: a linear head on constant features, solved to its optimum.

Convention: the solution of a task is that of the task alone. `TASKS_TOGETHER` tasks share each pass
over the features, with one column for each fold and task, so that memory does not depend on how
many tasks there are; which others share its passes only rounds a task's sums differently. So blocks
of tasks may be solved apart: whole blocks give the same bits, others the same numbers.

Equality: the kernel and the bias are the optimum to about 1e-6 of the largest weight. Out-of-fold
logits approach theirs to `_PATH_TOLERANCE` in single precision: with other chunks of rows, or in
several places, they differ by about 1e-5. If labels are separable and features nearly dependent,
many different heads have the same loss. Then they differ by a few percent of the largest logit, and
by more if two strengths are equally good and the other one is chosen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from kerastl.data.tables.splits import assign_folds
from kerastl.threads import one_blas_thread
from kerastl.training.exact_head.logistic import chunks, mean_loss
from kerastl.training.exact_head.minimization import minimize
from kerastl.training.exact_head.partitions import LocalPartitions, Partition, Partitions
from kerastl.training.exact_head.rotation import Problem, rotate
from kerastl.training.exact_head.targets import Targets

TASKS_TOGETHER = 32
STRENGTHS = tuple(float(x) for x in np.logspace(1, -4, 11))
_PATH_TOLERANCE = 1e-4
_FINAL_TOLERANCE = 1e-9
_ROWS = 2**16  # whose labels are converted together
_HOPELESS = 1.05  # the path of a task ends if it is this much worse than at its best


@dataclass(frozen=True, kw_only=True)
class ExactHead:
    """The optimum of the masked logistic loss with L2."""

    kernel: np.ndarray  # `(feature_dim, tasks)` for features as they are, not standardized
    bias: np.ndarray  # `(tasks,)`
    strengths: np.ndarray  # of L2 for each task, relative to the mean loss over its known labels
    # `(examples, tasks)`, each from a fit without the example's fold; NaN if strengths were given.
    out_of_fold_logits: np.ndarray
    folds: np.ndarray | None  # of each example; None if strengths were given
    # Out-of-fold loss, mean over known labels, `(strengths, tasks)`, NaN after the end of a task's
    # path; None if strengths were given.
    path: np.ndarray | None

    @classmethod
    def join(cls, heads: Sequence["ExactHead"]) -> "ExactHead":
        """Returns the head of the tasks of several heads, in their order."""
        paths = [head.path for head in heads if head.path is not None]
        return cls(
            kernel=np.concatenate([head.kernel for head in heads], axis=1),
            bias=np.concatenate([head.bias for head in heads]),
            strengths=np.concatenate([head.strengths for head in heads]),
            out_of_fold_logits=np.concatenate([head.out_of_fold_logits for head in heads], axis=1),
            folds=heads[0].folds,
            path=np.concatenate(paths, axis=1) if paths else None,
        )

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Returns logits, `(examples, tasks)` float32, of features `(examples, feature_dim)`."""
        with one_blas_thread():
            return np.asarray(features @ self.kernel + self.bias, np.float32)


def make_targets(
    labels: np.ndarray,
    *,
    label_smoothing: float,
    positive_weight: Sequence[float] | np.ndarray | None,
    unknown_weight: Sequence[float] | np.ndarray | float = 0.0,
) -> Targets:
    """Returns the weights of both classes; arguments as of `solve_head`."""
    weight = np.ones(labels.shape[1]) if positive_weight is None else np.asarray(positive_weight)
    positive, negative = (np.empty(labels.shape, np.float32) for _ in range(2))
    for rows in chunks(len(labels), _ROWS):
        known = ~np.isnan(labels[rows])
        y = np.where(known, labels[rows], 0.0) * (1 - label_smoothing) + 0.5 * label_smoothing
        counts = np.where(known, 1.0, unknown_weight)
        positive[rows] = y * weight * counts
        negative[rows] = (1 - y) * counts
    return Targets(positive=positive, negative=negative)


def draw_folds(
    labels: np.ndarray, groups: np.ndarray | None, *, num_folds: int, seed: int
) -> np.ndarray:
    """Returns the fold of each example; arguments as of `solve_head`."""
    hard = np.where(np.isnan(labels), np.float32("nan"), labels >= 0.5)
    return assign_folds(hard, groups, num_folds=num_folds, seed=seed)


def solve_head(
    features: np.ndarray | Partitions,
    labels: np.ndarray,
    *,
    rows: np.ndarray | None = None,
    tasks: Sequence[int] | None = None,
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

    Memory: a standardized float32 copy of the fitted features, which is memory-mapped if memory is
    scarce; a few numbers per example and task; and a few chunks of features.

    Args:
        features: `(examples, feature_dim)` of any type of floating-point numbers, or the examples
            in partitions.
        labels: `(examples, tasks)` in [0, 1], NaN where unknown.
        rows: Indices of the rows of `features` that are fitted, None for all. All else is of these.
        tasks: Indices of the tasks that are solved, None for all: whole blocks of `TASKS_TOGETHER`.
            Folds are balanced by the labels of all.
        groups: Group of each example, None if each is its own.
        regularization: A strength for all tasks, or `"auto"`, with so many folds.
        num_folds: Number of folds.
        label_smoothing: Share by which labels are moved towards 0.5.
        positive_weight: Weight of the positive class of each task.
        unknown_weight: Weight with which an unknown label counts as "no", of each task or of all.
        seed: Seed of the folds.
    """
    if isinstance(features, np.ndarray):
        features = LocalPartitions(Partition(features, rows))
    folds = None
    if regularization == "auto":
        folds = draw_folds(labels, groups, num_folds=num_folds, seed=seed)
    every = np.arange(labels.shape[1]) if tasks is None else np.asarray(tasks)
    weight = None if positive_weight is None else np.asarray(positive_weight)
    unknown = np.broadcast_to(unknown_weight, labels.shape[1])
    solved = []
    with one_blas_thread():
        problem = rotate(features)
        for begin in range(0, len(every), TASKS_TOGETHER):
            block = every[begin : begin + TASKS_TOGETHER]
            targets = make_targets(
                labels[:, block],
                label_smoothing=label_smoothing,
                positive_weight=None if weight is None else weight[block],
                unknown_weight=unknown[block],
            )
            solved.append(_solve(problem, targets, folds, regularization))
    return ExactHead.join(solved)


def _solve(
    problem: Problem, targets: Targets, folds: np.ndarray | None, regularization: float | str
) -> ExactHead:
    """Solves some tasks together."""
    shape = targets.positive.shape
    start, out_of_fold, path = None, np.full(shape, np.nan, np.float32), None
    if folds is not None:
        strengths, start, out_of_fold, path = _cross_validate(problem, targets, folds)
    else:
        strengths = np.full(shape[1], float(regularization))
    problem.partitions.set_targets(targets)
    # The approach in single precision, the last digits in double.
    near = minimize(problem, targets, strengths, start, tolerance=_PATH_TOLERANCE)
    weights = minimize(
        problem, targets, strengths, near, tolerance=_FINAL_TOLERANCE, precision=np.float64
    )
    kernel = (problem.axes.astype(np.float64) @ weights[:-1]) / problem.scale[:, None]
    return ExactHead(
        kernel=kernel.astype(np.float32),
        bias=(weights[-1] - problem.mean @ kernel).astype(np.float32),
        strengths=strengths,
        out_of_fold_logits=out_of_fold,
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
    divided = replace(targets, folds=folds, num_folds=num_folds)
    problem.partitions.set_targets(divided)
    weights: np.ndarray | None = None
    tasks = np.arange(num_tasks)  # whose paths have not ended
    for step, strength in enumerate(STRENGTHS):
        weights = minimize(
            problem,
            divided,
            np.full(num_folds * num_tasks, strength),
            weights,
            columns=(np.arange(num_folds)[:, None] * num_tasks + tasks).ravel(),
            tolerance=_PATH_TOLERANCE,
        )
        held_out = np.concatenate(problem.partitions.each("logits", weights))
        path[step, tasks] = mean_loss(held_out, targets)[tasks]
        best = np.nanmin(path, axis=0)
        better = tasks[path[step, tasks] <= best[tasks]]
        strengths[better] = strength
        by_fold = weights.reshape(problem.dim + 1, num_folds, num_tasks)
        start[:, better] = by_fold.mean(axis=1)[:, better]
        logits[:, better] = held_out[:, better]
        tasks = tasks[path[step, tasks] <= _HOPELESS * best[tasks]]
        if not len(tasks):
            break
    return strengths, start, logits, path
