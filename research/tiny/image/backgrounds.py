"""Backgrounds of the scenes: open country, streets, rooms, surfaces and noise."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from research.tiny.image import colors, textures
from research.tiny.image.textures import Array, grid


@dataclass(frozen=True)
class Background:
    """Pixels `(size, size, 3)` in [0, 1], and the height of the horizon in [-1, 1] or None."""

    kind: str
    pixels: Array
    horizon: float | None


def _mix(values: Array, low: Array, high: Array) -> Array:
    return low + values[..., None] * (high - low)


def _sky(rng: np.random.Generator, size: int) -> Array:
    rows, _ = grid(size)
    top = colors.named(rng, "blue") if rng.random() < 0.5 else colors.muted(rng)
    bottom = np.clip(top + rng.uniform(0.0, 0.5), 0.0, 1.0)
    sky = _mix(np.clip(rows * 0.5 + 0.5, 0.0, 1.0), top, bottom)
    clouds = textures.noise(rng, size, exponent=rng.uniform(1.3, 1.9))
    cover = np.clip((clouds - rng.uniform(0.4, 0.7)) * 3.0, 0.0, 1.0) * rng.uniform(0.0, 0.9)
    return sky + cover[..., None] * (0.9 - sky)


def _ground(rng: np.random.Generator, size: int, horizon: float) -> Array:
    """A plane in perspective whose texture grows finer towards the horizon."""
    rows, columns = grid(size)
    depth = 1.0 / np.clip(rows - horizon + 0.03, 0.03, 2.0)
    base = colors.named(rng, "green") * 0.6 if rng.random() < 0.3 else colors.muted(rng) * 0.8
    lines = np.sin(depth * rng.uniform(2.0, 9.0)) * np.sin(columns * depth * rng.uniform(2.0, 9.0))
    amount = rng.choice([0.0, 0.08, 0.2]) * np.clip(3.0 / depth, 0.0, 1.0)
    grain = textures.noise(rng, size, exponent=rng.uniform(0.4, 1.3)) - 0.5
    return np.clip(base * (1.0 + (amount * lines + 0.5 * grain)[..., None]), 0.0, 1.0)


def _over_horizon(rng: np.random.Generator, size: int) -> tuple[Array, float]:
    rows, _ = grid(size)
    horizon = rng.uniform(-0.5, 0.45)
    below = (rows > horizon)[..., None]
    return np.where(below, _ground(rng, size, horizon), _sky(rng, size)), horizon


def _country(rng: np.random.Generator, size: int) -> Background:
    pixels, horizon = _over_horizon(rng, size)
    if rng.random() < 0.5:
        outline = textures.noise(rng, size, exponent=1.5)[0]
        rows, _ = grid(size)
        hills = (rows > horizon - 0.6 * outline[None, :]) & (rows <= horizon)
        pixels = np.where(hills[..., None], colors.muted(rng) * 0.7, pixels)
    return Background("country", pixels, horizon)


def _street(rng: np.random.Generator, size: int) -> Background:
    pixels, horizon = _over_horizon(rng, size)
    rows, columns = grid(size)
    vanishing, half = rng.uniform(-0.5, 0.5), rng.uniform(0.5, 1.6)
    down = np.clip(rows - horizon, 0.0, None) / (1.0 - horizon)
    aside = np.abs(columns - vanishing * (1.0 - down) - rng.uniform(-0.3, 0.3) * down)
    road = (aside < half * down) & (down > 0)
    gray = np.full(3, rng.uniform(0.2, 0.5))
    grain = textures.noise(rng, size, exponent=0.6)[..., None] * 0.15
    pixels = np.where(road[..., None], gray + grain, pixels)
    dashes = (aside < 0.03 * down + 0.004) & (np.sin(8.0 / (down + 0.15)) > 0.0) & road
    pixels = np.where(dashes[..., None], 0.9, pixels)
    return Background("street", _facades(rng, pixels, horizon), horizon)


def _facades(rng: np.random.Generator, pixels: Array, horizon: float) -> Array:
    """Rows of houses on one or both sides that grow smaller towards the middle."""
    rows, columns = grid(pixels.shape[0])
    for side in (-1.0, 1.0):
        if rng.random() < 0.4:
            continue
        reach = rng.uniform(0.1, 0.7)
        near = np.clip((side * columns - reach) / (1.0 - reach), 0.0, 1.0)
        height = rng.uniform(0.3, 1.3) * (0.25 + near)
        wall = (near > 0) & (rows > horizon - height) & (rows < horizon + 0.35 * near)
        across, up = 1.0 / (1.15 - near), (horizon - rows) / (0.25 + near)
        window = (np.sin(across * rng.uniform(5, 14)) > 0.1) & (
            np.sin(up * rng.uniform(14, 30)) > 0
        )
        front, glass = colors.muted(rng), colors.muted(rng) * 0.5
        pixels = np.where(wall[..., None], np.where(window[..., None], glass, front), pixels)
    return pixels


def _room(rng: np.random.Generator, size: int) -> Background:
    rows, _ = grid(size)
    floor_line = rng.uniform(0.1, 0.6)
    _, _, pattern = textures.surface(rng, size)
    wall = _mix(pattern, colors.muted(rng), colors.muted(rng))
    floor = _ground(rng, size, floor_line - 0.3)
    return Background("room", np.where((rows > floor_line)[..., None], floor, wall), None)


def _surface(rng: np.random.Generator, size: int) -> Background:
    _, _, pattern = textures.surface(rng, size)
    first, second = colors.any_color(rng)[1], colors.muted(rng)
    return Background("surface", _mix(pattern, first, second), None)


def _foliage(rng: np.random.Generator, size: int) -> Background:
    coarse = textures.noise(rng, size, exponent=rng.uniform(0.8, 1.2))
    fine = textures.noise(rng, size, exponent=rng.uniform(0.2, 0.7))
    base = colors.named(rng, "green") if rng.random() < 0.6 else colors.muted(rng)
    values = np.clip(coarse + 0.7 * (fine - 0.5), 0.0, 1.0)
    return Background("foliage", _mix(values, base * 0.25, np.clip(base * 1.2, 0, 1)), None)


def _clouded(rng: np.random.Generator, size: int) -> Background:
    exponent = rng.uniform(0.9, 1.8)
    pixels = np.stack([textures.noise(rng, size, exponent=exponent) for _ in range(3)], axis=-1)
    return Background("clouded", 0.5 * pixels + 0.5 * colors.muted(rng), None)


_KINDS: dict[str, Callable[[np.random.Generator, int], Background]] = {
    "country": _country,
    "street": _street,
    "room": _room,
    "surface": _surface,
    "foliage": _foliage,
    "clouded": _clouded,
}
KINDS = tuple(_KINDS)
_PROBABILITIES = (0.2, 0.28, 0.17, 0.15, 0.1, 0.1)


def background(rng: np.random.Generator, size: int) -> Background:
    """Draws one background of a kind in `KINDS`."""
    return _KINDS[str(rng.choice(KINDS, p=_PROBABILITIES))](rng, size)
