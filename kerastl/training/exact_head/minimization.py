"""Minimization of many logistic losses with L2 together, by L-BFGS.

Convention: along the principal axes, the curvature of each column is about
`spread * variance + strength`, and every weight is measured in units of `1 / sqrt` of it. L-BFGS
then needs tens of passes instead of hundreds. All columns share each pass over the features,
because the passes dominate the cost.
"""

import numpy as np
import scipy.optimize

from kerastl.training.exact_head.partitions import Precision
from kerastl.training.exact_head.rotation import Problem
from kerastl.training.exact_head.targets import Targets

_BIAS_PENALTY = 1e-8  # keeps the bias finite if all known labels are equal
_MAX_ITERATIONS = 500


def minimize(
    problem: Problem,
    targets: Targets,
    strengths: np.ndarray,
    start: np.ndarray | None = None,
    *,
    tolerance: float,
    precision: Precision = np.float32,
) -> np.ndarray:
    """Minimizes the mean loss over known labels plus L2 for all columns together.

    Initial weights (0 if None) and result are `(axes + 1, columns)`; the last row is the bias.

    Args:
        problem: Features, whose partitions have the targets.
        targets: The labels.
        strengths: Strength of L2 of each column.
        start: Initial weights.
        tolerance: Largest remaining slope, with weights in units of their curvature; passes in
            float32 allow about 1e-4.
        precision: Precision of the passes.
    """
    shape = (problem.dim + 1, len(strengths))
    penalty = np.repeat(strengths[None, :].astype(np.float64), shape[0], axis=0)
    penalty[-1] = _BIAS_PENALTY
    variances = np.append(problem.variances, 1.0)[:, None]
    unit = 1.0 / np.sqrt(targets.spread * variances + penalty)
    scale = (1.0 / targets.num_known).astype(precision)

    def loss_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(shape) * unit
        found = problem.partitions.each("losses_and_gradient", weights, scale, precision)
        loss = float((sum(losses for losses, _ in found) * scale).sum())
        gradient = sum(gradient for _, gradient in found) + penalty * weights
        return loss + 0.5 * float((penalty * weights**2).sum()), (gradient * unit).ravel()

    result = scipy.optimize.minimize(
        loss_and_gradient,
        (np.zeros(shape) if start is None else start / unit).ravel(),
        jac=True,
        method="L-BFGS-B",
        options={
            "maxiter": _MAX_ITERATIONS,
            "gtol": tolerance,
            "ftol": 1e-3 * tolerance**2,
            "maxcor": 10,
        },
    )
    solution: np.ndarray = result.x.reshape(shape) * unit
    return solution
