"""Translucent scenes: soft gray bodies that add up, as in images taken by shining through.

A bright trunk holds two dark chambers beside a middle column and body, crossed by curved bands;
haze, spots, lines and marks lie over them.
"""

import numpy as np

from research.tiny.image import textures
from research.tiny.image.textures import Array, grid

ATTRIBUTES = (
    "chamber_pair",
    "middle_is_wide",
    "middle_leans_right",
    "chambers_are_tall",
    "trunk_is_wide",
    "trunk_is_turned",
    "haze_left_bottom",
    "haze_right_bottom",
    "haze_left_top",
    "haze_right_top",
    "haze_everywhere",
    "grainy_chambers",
    "bright_spot",
    "dark_pocket",
    "bands_strong",
    "lower_bulges",
    "line_across",
    "mark_in_corner",
    "arms_raised",
)
_HAZES = {
    "haze_left_bottom": (-0.38, 0.3),
    "haze_right_bottom": (0.38, 0.3),
    "haze_left_top": (-0.35, -0.3),
    "haze_right_top": (0.35, -0.3),
}


def _soft(
    rows: Array, columns: Array, x: float, y: float, width: float, height: float, edge: float
) -> Array:
    """Returns an ellipse that falls from 1 to 0 over `edge` of its radius."""
    distance = np.hypot((columns - x) / width, (rows - y) / height)
    return np.clip((1.0 - distance) / edge + 0.5, 0.0, 1.0)


def scene(rng: np.random.Generator, size: int) -> tuple[Array, dict[str, float]]:
    """Draws one translucent scene.

    Returns:
        Pixels `(size, size, 3)` in [0, 1], gray, and the answer to each of `ATTRIBUTES`.
    """
    answers = {name: float(rng.random() < 0.4) for name in ATTRIBUTES}
    answers["chamber_pair"] = float(rng.random() < 0.8)
    rows, columns = _turned(rng, size, answers)
    density = _trunk(rng, rows, columns, answers)
    chambers = _chambers(rng, rows, columns, answers)
    density = density - chambers * rng.uniform(0.35, 0.6)
    density += _middle(rng, rows, columns, answers) + _bands(rng, rows, columns, chambers, answers)
    density += _findings(rng, rows, columns, chambers, answers)
    density += 0.08 * (textures.noise(rng, size, exponent=1.6) - 0.5)
    if answers["mark_in_corner"]:
        density = np.maximum(density, _mark(rng, rows, columns))
    if not answers["chamber_pair"]:
        answers |= dict.fromkeys(
            ("grainy_chambers", "chambers_are_tall", "dark_pocket"), float("nan")
        )
    return np.repeat(np.clip(density, 0.0, 1.0)[..., None], 3, axis=2), answers


def _turned(rng: np.random.Generator, size: int, answers: dict[str, float]) -> tuple[Array, Array]:
    rows, columns = grid(size)
    angle = rng.uniform(0.1, 0.35) * rng.choice([-1, 1]) if answers["trunk_is_turned"] else 0.0
    scale = rng.uniform(0.85, 1.15)
    rows, columns = (rows - rng.normal(0, 0.06)) / scale, (columns - rng.normal(0, 0.06)) / scale
    return (
        rows * np.cos(angle) - columns * np.sin(angle),
        rows * np.sin(angle) + columns * np.cos(angle),
    )


def _trunk(
    rng: np.random.Generator, rows: Array, columns: Array, answers: dict[str, float]
) -> Array:
    width = rng.uniform(0.95, 1.2) if answers["trunk_is_wide"] else rng.uniform(0.72, 0.86)
    trunk = _soft(rows, columns, 0.0, 0.35, width, 1.4, rng.uniform(0.1, 0.4))
    neck = _soft(rows, columns, 0.0, -1.0, 0.3, 0.6, 0.4)
    slope = -0.75 if answers["arms_raised"] else -0.45
    shoulders = np.clip((rows - slope - 0.35 * np.abs(columns)) * 4.0, 0.0, 1.0)
    level = rng.uniform(0.6, 0.85)
    return level * np.maximum(np.maximum(trunk, neck * 0.9), shoulders * 0.6)


def _chambers(
    rng: np.random.Generator, rows: Array, columns: Array, answers: dict[str, float]
) -> Array:
    if not answers["chamber_pair"]:
        return np.zeros_like(rows)
    height = rng.uniform(0.68, 0.85) if answers["chambers_are_tall"] else rng.uniform(0.45, 0.58)
    width, apart = rng.uniform(0.24, 0.34), rng.uniform(0.36, 0.46)
    pair = [
        _soft(rows, columns, side * apart, rng.uniform(-0.15, 0.0), width, height, 0.3)
        for side in (-1.0, 1.0)
    ]
    chambers = np.maximum(*pair)
    if answers["lower_bulges"]:
        dome = _soft(rows, columns, rng.choice([-0.4, 0.4]), 0.75, 0.45, 0.5, 0.15)
        chambers = chambers * (1.0 - dome)
    return chambers


def _middle(
    rng: np.random.Generator, rows: Array, columns: Array, answers: dict[str, float]
) -> Array:
    width = rng.uniform(0.36, 0.5) if answers["middle_is_wide"] else rng.uniform(0.2, 0.29)
    lean = 0.12 if answers["middle_leans_right"] else -0.12
    column = _soft(rows, columns, 0.0, 0.0, 0.13, 2.5, 0.5)
    body = _soft(rows, columns, lean, 0.25, width, 0.34, 0.25)
    return rng.uniform(0.15, 0.35) * np.maximum(column, body)


def _bands(
    rng: np.random.Generator,
    rows: Array,
    columns: Array,
    chambers: Array,
    answers: dict[str, float],
) -> Array:
    curved = rows + rng.uniform(0.3, 0.7) * (np.abs(columns) - 0.35) ** 2
    waves = np.clip(np.sin(curved * rng.uniform(18.0, 32.0)) * 2.0, 0.0, 1.0)
    strength = rng.uniform(0.1, 0.16) if answers["bands_strong"] else rng.uniform(0.01, 0.04)
    return strength * waves * (0.3 + chambers)


def _findings(
    rng: np.random.Generator,
    rows: Array,
    columns: Array,
    chambers: Array,
    answers: dict[str, float],
) -> Array:
    added = np.zeros_like(rows)
    for name, (x, y) in _HAZES.items():
        if answers[name]:
            x, y = x + rng.normal(0, 0.05), y + rng.normal(0, 0.07)
            width, height = rng.uniform(0.18, 0.4, 2)
            haze = _soft(rows, columns, x, y, width, height, rng.uniform(0.3, 1.2))
            added += rng.uniform(0.12, 0.35) * haze
    if answers["haze_everywhere"]:
        added += rng.uniform(0.1, 0.25) * chambers
    if answers["grainy_chambers"]:
        grain = textures.noise(rng, rows.shape[0], exponent=rng.uniform(0.5, 0.9)) - 0.5
        added += rng.uniform(0.25, 0.5) * chambers * grain
    if answers["bright_spot"]:
        x, y, radius = rng.uniform(-0.6, 0.6), rng.uniform(-0.5, 0.5), rng.uniform(0.05, 0.16)
        added += rng.uniform(0.15, 0.4) * _soft(rows, columns, x, y, radius, radius, 0.5)
    if answers["dark_pocket"]:
        side = rng.choice([-1.0, 1.0])
        pocket = _soft(rows, columns, side * 0.55, -0.35, 0.14, 0.4, 0.3)
        added -= rng.uniform(0.1, 0.2) * pocket * chambers
    if answers["line_across"]:
        slope, offset = rng.normal(0, 0.8), rng.uniform(-0.5, 0.5)
        curve = columns - offset - slope * rows - 0.2 * np.sin(3.0 * rows + rng.uniform(0, 6))
        added += rng.uniform(0.15, 0.35) * (np.abs(curve) < rng.uniform(0.012, 0.03))
    return added


def _mark(rng: np.random.Generator, rows: Array, columns: Array) -> Array:
    x, y = rng.choice([-0.8, 0.8]), rng.uniform(-0.9, -0.6)
    across = (np.abs(columns - x) < 0.09) & (np.abs(rows - y) < 0.03)
    down = (np.abs(columns - x) < 0.03) & (np.abs(rows - y) < 0.1)
    return rng.uniform(0.8, 1.0) * (across | down)
