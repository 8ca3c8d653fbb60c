"""Minimization of many functions that are evaluated together."""

import numpy as np
import pytest

from kerastl.training.exact_head.lbfgs import minimize_each

RANDOM = np.random.default_rng(0)
CENTERS = RANDOM.normal(size=(6, 20))
CURVATURES = np.logspace(-1, 1, 20) * np.array([1, 1, 1e-6, 1, 1, 1e6])[:, None]


def evaluate(points: np.ndarray, functions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Softened absolute values, which grow linearly far from their centers."""
    away = (points - CENTERS[functions]) * np.sqrt(CURVATURES[functions])
    length = np.sqrt(1 + away**2)
    return length.sum(axis=1), away / length * np.sqrt(CURVATURES[functions])


def minima(functions: list[int], evaluated: list[np.ndarray] | None = None) -> np.ndarray:
    def recorded(points: np.ndarray, some: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if evaluated is not None:
            evaluated.append(some)
        return evaluate(points, some)

    return minimize_each(
        recorded,
        np.zeros(CENTERS.shape),
        np.array(functions),
        tolerance=1e-12,
        noise=1e-14,
        max_evaluations=500,
    )


def test_each_function_is_at_its_minimum_however_its_variables_are_scaled() -> None:
    np.testing.assert_allclose(minima([0, 1, 2, 3, 4, 5]), CENTERS, rtol=0, atol=1e-5)


@pytest.mark.parametrize("function", range(6))
def test_a_minimum_does_not_depend_on_the_functions_beside_it(function: int) -> None:
    alone = minima([function])
    np.testing.assert_array_equal(alone[function], minima([0, 1, 2, 3, 4, 5])[function])
    assert not np.delete(alone, function, axis=0).any()


def test_a_function_at_its_minimum_is_evaluated_no_more() -> None:
    evaluated: list[np.ndarray] = []
    minima([0, 1, 2, 5], evaluated)
    counts = np.bincount(np.concatenate(evaluated), minlength=6)
    assert (counts[[3, 4]] == 0).all()
    assert (counts[[0, 1]] < len(evaluated)).all()


def test_values_that_are_not_finite_shorten_the_step() -> None:
    def barrier(points: np.ndarray, _: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with np.errstate(invalid="ignore"):
            return (5 * points - np.log(1 - points)).sum(axis=1), 5 + 1 / (1 - points)

    def reflected(points: np.ndarray, some: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        values, slopes = barrier(-points, some)
        return values + 6.5 * points.sum(axis=1), 6.5 - slopes

    found = minimize_each(
        reflected,
        np.zeros((1, 1)),
        np.array([0]),
        tolerance=1e-10,
        noise=1e-14,
        max_evaluations=100,
    )
    np.testing.assert_allclose(found, -1 / 3, atol=1e-9)
