"""L-BFGS of many functions, each on its own, that are evaluated together.

Convention: every function has its own directions, steps and end; only the evaluation is shared. So
the minimum of a function doesn't depend on which others are minimized beside it, and those at
their minimum are evaluated no more. The functions are convex and their variables are scaled so that
curvatures are near 1: the first direction is the negative gradient and the first step 1.

Reference: J. Nocedal and S. Wright, Numerical Optimization, 2nd ed., 2006, algorithms 7.4 and 3.5;
for the line search by slopes, W. Hager and H. Zhang, 2005, doi:10.1137/030601880.
"""

from collections.abc import Callable

import numpy as np

_MEMORY = 10
_SLOPE = 0.9  # share of the slope along a direction that a step may leave, with either sign
_MAX_TRIES = 30  # steps tried along one direction

Evaluate = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def minimize_each(
    evaluate: Evaluate,
    start: np.ndarray,
    active: np.ndarray,
    *,
    tolerance: float,
    noise: float,
    max_evaluations: int,
) -> np.ndarray:
    """Returns the minimum of each function, `(functions, variables)`.

    Args:
        evaluate: Returns values and gradients at `(some, variables)` of the functions with the
            indices `(some,)`.
        start: Where each function's minimization starts.
        active: Indices of the functions that are minimized; others stay at their start.
        tolerance: Largest derivative at a minimum.
        noise: Relative error of a value.
        max_evaluations: Number of evaluations after which minimization ends anyway.
    """
    point, active = start.copy(), np.asarray(active)
    value, gradient = np.zeros(len(start)), np.zeros(start.shape)
    value[active], gradient[active] = evaluate(point[active], active)
    direction = -gradient
    step, low, high = np.ones(len(start)), np.zeros(len(start)), np.full(len(start), np.inf)
    tries = np.zeros(len(start), int)
    history = _History(start.shape)
    for _ in range(max_evaluations):
        active = active[np.abs(gradient[active]).max(axis=1) > tolerance]
        active = active[tries[active] < _MAX_TRIES]
        if not len(active):
            break
        moved = step[active, None] * direction[active]
        found, slopes = evaluate(point[active] + moved, active)
        before, after = _dot(gradient[active], direction[active]), _dot(slopes, direction[active])
        far = ~(found <= value[active] + noise * np.abs(value[active])) | (after > -_SLOPE * before)
        near = ~far & (after < _SLOPE * before)
        high[active[far]], low[active[near]] = step[active[far]], step[active[near]]
        tries[active] += 1
        step[active] = np.where(
            np.isinf(high[active]), 2 * step[active], (low[active] + high[active]) / 2
        )
        done = ~far & ~near
        ended = active[done]
        history.add(ended, moved[done], slopes[done] - gradient[ended])
        point[ended] += moved[done]
        value[ended], gradient[ended] = found[done], slopes[done]
        direction[ended] = -history.times(ended, gradient[ended])
        step[ended], low[ended], high[ended], tries[ended] = 1, 0, np.inf, 0
    return point


class _History:
    """The latest steps of each function and the changes of its gradient."""

    def __init__(self, shape: tuple[int, int]):
        self._steps, self._changes = (np.zeros((_MEMORY, *shape)) for _ in range(2))
        self._inverse = np.zeros((_MEMORY, shape[0]))  # 1 / (step . change), 0 if there is none
        self._count = np.zeros(shape[0], int)

    def add(self, functions: np.ndarray, steps: np.ndarray, changes: np.ndarray) -> None:
        """Stores a step of each of some functions."""
        place = self._count[functions] % _MEMORY
        self._steps[place, functions], self._changes[place, functions] = steps, changes
        self._inverse[place, functions] = 1 / _dot(steps, changes)
        self._count[functions] += 1

    def times(self, functions: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """Returns the gradients of some functions times their approximate inverse Hessians."""
        product = gradient.copy()
        places = (self._count[functions] - 1 - np.arange(_MEMORY)[:, None]) % _MEMORY
        shares = np.zeros(places.shape)
        for age, place in enumerate(places):  # from the latest step
            inverse = self._inverse[place, functions]
            shares[age] = inverse * _dot(self._steps[place, functions], product)
            product -= shares[age, :, None] * self._changes[place, functions]
        latest = self._changes[places[0], functions]
        product /= (self._inverse[places[0], functions] * _dot(latest, latest))[:, None]
        for age, place in reversed(list(enumerate(places))):
            inverse = self._inverse[place, functions]
            share = inverse * _dot(self._changes[place, functions], product)
            product += (shares[age] - share)[:, None] * self._steps[place, functions]
        return product


def _dot(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", one, other)
