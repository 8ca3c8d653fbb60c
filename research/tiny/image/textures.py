"""Surfaces: square float64 arrays in [0, 1] that fill backgrounds and objects.

Convention: everything is float64, so that rounding to bytes gives the same image everywhere.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@cache
def grid(size: int) -> tuple[Array, Array]:
    """Returns the rows and columns of a square, each `(size, size)`, in [-1, 1]."""
    axis = np.linspace(-1.0, 1.0, size)
    rows, columns = np.meshgrid(axis, axis, indexing="ij")
    return rows, columns


@cache
def _radii(size: int) -> Array:
    vertical = np.fft.fftfreq(size)[:, None] * size
    horizontal = np.fft.rfftfreq(size)[None, :] * size
    return np.maximum(np.hypot(vertical, horizontal), 1.0)


def noise(rng: np.random.Generator, size: int, *, exponent: float) -> Array:
    """Returns noise whose amplitude falls with frequency as `f ** -exponent`, `(size, size)`.

    Natural images have an exponent near 1 (Field, 1987, doi:10.1364/JOSAA.4.002379).

    Args:
        rng: Source of randomness.
        size: Side in pixels.
        exponent: 0 is white noise, 2 is cloud-like.
    """
    spectrum = np.fft.rfft2(rng.standard_normal((size, size))) / _radii(size) ** exponent
    spectrum[0, 0] = 0.0
    values = np.fft.irfft2(spectrum, s=(size, size))
    return np.clip(0.5 + values / (5.0 * values.std() + 1e-12), 0.0, 1.0)


def ramp(size: int, *, angle: float) -> Array:
    """Returns a linear ramp from 0 to 1 in direction `angle` (radians), `(size, size)`."""
    rows, columns = grid(size)
    values = rows * np.sin(angle) + columns * np.cos(angle)
    return (values + np.sqrt(2.0)) / (2.0 * np.sqrt(2.0))


def stripes(rng: np.random.Generator, size: int, *, angle: float) -> Array:
    """Returns bands across direction `angle` (radians), soft or hard, `(size, size)`."""
    waves = np.sin(ramp(size, angle=angle) * rng.uniform(12.0, 60.0) + rng.uniform(0.0, 6.0))
    return 0.5 + 0.5 * np.clip(waves * rng.choice([1.0, 8.0]), -1.0, 1.0)


def checks(rng: np.random.Generator, size: int) -> Array:
    """Returns a checkerboard in a random direction, `(size, size)`."""
    angle, frequency = rng.uniform(0.0, np.pi), rng.uniform(12.0, 45.0)
    first = np.sin(ramp(size, angle=angle) * frequency)
    second = np.sin(ramp(size, angle=angle + np.pi / 2.0) * frequency)
    return 0.5 + 0.5 * np.clip(first * second * 8.0, -1.0, 1.0)


def dots(rng: np.random.Generator, size: int) -> Array:
    """Returns round dots on a lattice in a random direction, `(size, size)`."""
    angle, frequency = rng.uniform(0.0, np.pi), rng.uniform(18.0, 55.0)
    first = np.cos(ramp(size, angle=angle) * frequency)
    second = np.cos(ramp(size, angle=angle + np.pi / 2.0) * frequency)
    return 0.5 + 0.5 * np.clip((first + second - 0.8) * 4.0, -1.0, 1.0)


def bricks(rng: np.random.Generator, size: int) -> Array:
    """Returns courses of bricks with dark joints, `(size, size)`."""
    rows, columns = grid(size)
    height = rng.uniform(0.08, 0.25)
    course = np.floor(rows / height)
    along = columns / (height * 2.0) + 0.5 * np.mod(course, 2.0)
    joint = (np.mod(rows / height, 1.0) < 0.15) | (np.mod(along, 1.0) < 0.08)
    return np.where(joint, 0.0, 0.75 + 0.25 * np.sin(np.floor(along) * 12.9 + course * 78.2))


KINDS = ("plain", "gradient", "stripes", "checks", "dots", "bricks", "noise")
_PROBABILITIES = (0.34, 0.12, 0.13, 0.08, 0.08, 0.08, 0.17)


def surface(rng: np.random.Generator, size: int) -> tuple[str, float | None, Array]:
    """Draws one surface.

    Returns:
        Its kind, one of `KINDS`; the direction of its stripes in [0, π) or None; its values
        `(size, size)` in [0, 1].
    """
    kind = str(rng.choice(KINDS, p=_PROBABILITIES))
    angle = float(rng.choice([0.0, np.pi / 4, np.pi / 2, 3 * np.pi / 4]) + rng.normal(0.0, 0.1))
    drawn = {
        "plain": lambda: np.full((size, size), 0.5),
        "gradient": lambda: ramp(size, angle=rng.uniform(0.0, 2.0 * np.pi)),
        "stripes": lambda: stripes(rng, size, angle=angle),
        "checks": lambda: checks(rng, size),
        "dots": lambda: dots(rng, size),
        "bricks": lambda: bricks(rng, size),
        "noise": lambda: noise(rng, size, exponent=rng.uniform(0.3, 1.6)),
    }[kind]()
    return kind, angle % np.pi if kind == "stripes" else None, drawn
