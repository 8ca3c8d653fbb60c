"""Colors with names, so that an image can be asked what colors it shows."""

import colorsys

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

HUES = {
    "red": 0.0,
    "orange": 0.075,
    "yellow": 0.15,
    "green": 0.34,
    "cyan": 0.5,
    "blue": 0.61,
    "purple": 0.77,
    "pink": 0.91,
}
GRAYS = ("white", "gray", "black")
NAMES = (*HUES, *GRAYS)


def named(rng: np.random.Generator, name: str) -> Array:
    """Draws a color `(3,)` in [0, 1] that people would call `name`."""
    if name in GRAYS:
        level = {"white": 0.92, "gray": 0.5, "black": 0.1}[name] + rng.uniform(-0.08, 0.08)
        return np.clip(level + rng.normal(0.0, 0.02, 3), 0.0, 1.0)
    hue = (HUES[name] + rng.uniform(-0.018, 0.018)) % 1.0
    return np.array(colorsys.hsv_to_rgb(hue, rng.uniform(0.6, 1.0), rng.uniform(0.5, 1.0)))


def any_color(rng: np.random.Generator) -> tuple[str, Array]:
    """Draws the name of a color and the color, hues more often than grays."""
    name = str(rng.choice(tuple(HUES))) if rng.random() < 0.72 else str(rng.choice(GRAYS))
    return name, named(rng, name)


def muted(rng: np.random.Generator) -> Array:
    """Draws a color `(3,)` in [0, 1] of little saturation, as walls, earth and streets have."""
    saturation, value = rng.uniform(0.0, 0.45), rng.uniform(0.15, 0.9)
    return np.array(colorsys.hsv_to_rgb(rng.random(), saturation, value))
