"""Minimization of many logistic losses with L2.

Convention: along the principal axes, the curvature of each column is about
`spread * variance + strength`, and every weight is measured in units of `1 / sqrt` of it. L-BFGS
then needs tens of passes instead of hundreds. All columns share each pass over the features,
because the passes dominate the cost, and nothing else.
"""

import numpy as np

from kerastl.training.exact_head.lbfgs import minimize_each
from kerastl.training.exact_head.partitions import Precision
from kerastl.training.exact_head.rotation import Problem
from kerastl.training.exact_head.targets import Targets

_BIAS_PENALTY = 1e-8  # keeps the bias finite if all known labels are equal
_MAX_PASSES = 500


def minimize(
    problem: Problem,
    targets: Targets,
    strengths: np.ndarray,
    start: np.ndarray | None = None,
    *,
    columns: np.ndarray | None = None,
    tolerance: float,
    precision: Precision = np.float32,
) -> np.ndarray:
    """Minimizes the mean loss over known labels plus L2 of each column.

    Initial weights (0 if None) and result are `(axes + 1, columns)`; the last row is the bias.

    Args:
        problem: Features, whose partitions have the targets.
        targets: The labels.
        strengths: Strength of L2 of each column.
        start: Initial weights.
        columns: Indices of the columns that are minimized, None for all; others keep their weights.
        tolerance: Largest remaining slope, with weights in units of their curvature; passes in
            float32 allow about 3e-5.
        precision: Precision of the passes.
    """
    penalty = np.repeat(strengths[None, :].astype(np.float64), problem.dim + 1, axis=0)
    penalty[-1] = _BIAS_PENALTY
    variances = np.append(problem.variances, 1.0)[:, None]
    unit = 1.0 / np.sqrt(targets.spread * variances + penalty)
    scale = (1.0 / targets.num_known).astype(precision)

    def evaluate(points: np.ndarray, some: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        weights, share, l2 = points.T * unit[:, some], scale[some], penalty[:, some]
        found = problem.partitions.each("losses_and_gradient", weights, some, share, precision)
        losses = np.sum([losses for losses, _ in found], axis=0) * share
        gradient = sum(gradient for _, gradient in found) + l2 * weights
        return losses + 0.5 * (l2 * weights**2).sum(axis=0), (gradient * unit[:, some]).T

    solution = minimize_each(
        evaluate,
        np.ascontiguousarray((np.zeros(unit.shape) if start is None else start / unit).T),
        np.arange(len(strengths)) if columns is None else columns,
        tolerance=tolerance,
        noise=10 * float(np.finfo(precision).eps),
        max_evaluations=_MAX_PASSES,
    )
    return solution.T * unit
