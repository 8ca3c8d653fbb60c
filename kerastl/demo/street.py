"""The background: sky, street, houses, and objects that resemble those of the tasks."""

import itertools
from collections.abc import Callable

import numpy as np
from PIL import Image

from kerastl.demo.actors import PAINT, pick
from kerastl.demo.brush import HEIGHT, SIZE, WIDTH, Brush, Color, mixed, shaded

ROAD = 3.4
WALKWAY = 5.6
FAR = 70.0
WALLS: tuple[Color, ...] = (
    (168, 92, 72), (196, 180, 154), (142, 142, 146), (206, 190, 120), (120, 100, 88),
    (176, 196, 200), (150, 120, 140), (222, 214, 204),
)  # fmt: skip
LEAVES: tuple[Color, ...] = ((58, 104, 48), (84, 122, 50), (44, 84, 52), (150, 110, 44))


def sky(rng: np.random.Generator, top: Color, bottom: Color, *, cloud: float) -> Image.Image:
    """Returns a sky with `cloud` (0 to 1) of it covered."""
    height, width = HEIGHT // 2, WIDTH // 2
    rows = np.linspace(0.0, 1.8, height)[:, None, None]
    pixels = np.repeat(np.array(top) + rows * np.subtract(bottom, top), width, axis=1)
    cover = np.zeros((height, width))
    for octave in (2, 4, 8):
        coarse = (rng.random((octave, octave * 2)) * 255).astype(np.uint8)
        cover += np.asarray(Image.fromarray(coarse).resize((width, height)), float) / 255.0 / octave
    cover = np.clip((cover / 0.875 - 1.0 + cloud) * 3.0, 0.0, 0.85)[..., None]
    pixels = pixels + cover * (np.array(mixed(bottom, (255, 255, 255), 0.45)) - pixels)
    clipped = np.clip(pixels, 0.0, 255.0).astype(np.uint8)
    return Image.fromarray(clipped).resize(SIZE, Image.Resampling.BILINEAR)


def ground(brush: Brush, rng: np.random.Generator, place: str) -> None:
    """Paints the street, its markings, the walkways and the ground beside them."""
    near, far = brush.camera.z + 0.7, brush.camera.z + 220.0
    beside: Color = (
        (104, 100, 96) if place == "city" else pick(rng, ((92, 112, 62), (110, 120, 70)))
    )
    asphalt = pick(rng, ((74, 76, 80), (92, 92, 94), (62, 62, 68)))

    def strip(
        left: float, right: float, color: Color, start: float = near, end: float = far
    ) -> None:
        brush.polygon([(left, 0, start), (right, 0, start), (right, 0, end), (left, 0, end)], color)

    # so many slices that the fading of the ground into the distance shows no steps
    edges = [*(near + np.geomspace(1.0, far - near, 16) - 1.0).tolist(), far]
    for start, end in itertools.pairwise(edges):
        strip(-80.0, 80.0, beside, start, end)
        strip(-WALKWAY, WALKWAY, (154, 150, 144), start, end)
        strip(-ROAD - 0.15, ROAD + 0.15, (176, 174, 168), start, end)
        strip(-ROAD, ROAD, asphalt, start, end)
    white = (206, 206, 198)
    for start in np.arange(np.floor(near / 6.0) * 6.0, near + 60.0, 6.0):
        if start + 2.5 > near:
            strip(-0.08, 0.08, white, max(float(start), near), float(start) + 2.5)
    if rng.random() < 0.5:
        crossing = rng.uniform(9.0, 16.0)
        for left in np.arange(-ROAD + 0.2, ROAD - 0.5, 1.0):
            ends = max(near, crossing), max(near, crossing + 2.8)
            strip(float(left), float(left) + 0.55, white, *ends)


def houses(brush: Brush, rng: np.random.Generator, place: str, *, night: bool) -> None:
    """Paints rows of houses on both sides, from far to near."""
    for side in (-1.0, 1.0):
        setback = rng.uniform(7.0, 9.5) if place == "city" else rng.uniform(10.0, 16.0)
        plots, start, factor = [], -4.0, 1.3 if place == "city" else 0.6
        while start < FAR:
            length = rng.uniform(6.0, 13.0)
            plots.append((start, start + length, rng.uniform(4.0, 15.0) * factor))
            start += length + (0.0 if place == "city" else rng.uniform(2.0, 9.0))
        looks = [(pick(rng, WALLS), int(rng.integers(1 << 30))) for _ in plots]
        for (begin, end, height), (wall, seed) in reversed(list(zip(plots, looks, strict=True))):
            if end > brush.camera.z + 1.0 and (place != "park" or seed % 4 == 0):
                block = (side * setback, max(begin, brush.camera.z + 0.7), end, height)
                _house(brush, np.random.default_rng(seed), block, wall, night=night)


def _house(
    brush: Brush, rng: np.random.Generator, block: tuple[float, ...], wall: Color, *, night: bool
) -> None:
    front, begin, end, height = block
    sides = (front, front + 12.0) if front > 0 else (front - 12.0, front)
    brush.box(sides, (0.0, height), (begin, end), wall)
    glass = shaded((70, 84, 98), rng.uniform(0.6, 1.2))
    floors, columns = max(1, int(height / 3.0)), max(1, int((end - begin) / 2.6))
    for floor in range(floors):
        low = 1.0 + 3.0 * floor
        for column in range(columns):
            left = begin + (column + 0.25) * (end - begin) / columns
            right = left + 0.5 * (end - begin) / columns
            color = (250, 214, 130) if night and rng.random() < 0.35 else glass
            corners = [(front, low, left), (front, low + 1.6, left), (front, low + 1.6, right)]
            brush.polygon([*corners, (front, low, right)], color)
    if rng.random() < 0.35:
        canopy = shaded(pick(rng, WALLS), 0.8)
        corners = [(front, 2.9, begin + 0.4), (front, 2.9, end - 0.4)]
        reach = front - 1.2 if front > 0 else front + 1.2
        brush.polygon([*corners, (reach, 2.4, end - 0.4), (reach, 2.4, begin + 0.4)], canopy)


def _tree(brush: Brush, rng: np.random.Generator, x: float, z: float) -> None:
    height, spread, leaf = rng.uniform(3.0, 6.5), rng.uniform(0.9, 1.7), pick(rng, LEAVES)
    trunk = [(-0.14, 0.0), (0.14, 0.0), (0.09, height * 0.7), (-0.09, height * 0.7)]
    brush.flat(x, z, trunk, (78, 60, 46))
    for index in range(9):
        shift, up = rng.uniform(-spread, spread) * 0.7, height * rng.uniform(0.55, 1.0)
        shade = 0.75 + 0.35 * (up / height) + 0.02 * index
        brush.disc(x + shift, up, z, spread * rng.uniform(0.4, 0.65), shaded(leaf, shade))


def _truck(brush: Brush, rng: np.random.Generator, x: float, z: float) -> None:
    """Paints wheels and lamps like a car's, but a high box."""
    half, length, high = 1.15, rng.uniform(5.0, 8.0), rng.uniform(2.7, 3.5)
    paint = pick(rng, PAINT)
    for wheel in (x - half + 0.2, x + half - 0.2):
        brush.box((wheel - 0.17, wheel + 0.17), (0.0, 0.9), (z + 0.4, z + 1.3), (22, 22, 24))
    brush.box((x - half, x + half), (0.7, high), (z, z + length), paint)
    brush.panel(x, z, half, (0.55, 0.75), (40, 40, 42))
    brush.panel(x, z - 0.01, 0.02, (0.8, high), shaded(paint, 0.6))
    for side in (-1.0, 1.0):
        brush.disc(x + side * (half - 0.15), 0.65, z - 0.01, 0.09, (190, 24, 24))


def _pole(brush: Brush, x: float, z: float, high: float, width: float = 0.05) -> None:
    brush.panel(x, z, width, (0.0, high), (112, 114, 114))


def _lamp_post(brush: Brush, rng: np.random.Generator, x: float, z: float) -> None:
    _pole(brush, x, z, 5.2, 0.07)
    reach = 1.2 if x < 0 else -1.2
    brush.flat(x, z, [(0.0, 5.2), (reach, 5.3), (reach, 5.15), (0.0, 5.05)], (112, 114, 114))
    brush.disc(x + reach, 5.15, z, 0.18, (255, 226, 170), width=1.6)
    brush.glow(x + reach, 5.1, z, 1.1, (255, 210, 140))


def _round_sign(brush: Brush, rng: np.random.Generator, x: float, z: float) -> None:
    up, kind = rng.uniform(2.0, 2.7), int(rng.integers(3))
    _pole(brush, x, z, up)
    brush.disc(x, up, z, 0.4, ((190, 26, 32), (190, 26, 32), (36, 84, 170))[kind])
    if kind == 0:
        brush.panel(x, z - 0.01, 0.27, (up - 0.07, up + 0.07), (238, 238, 236))
    else:
        brush.disc(x, up, z - 0.01, 0.28 if kind == 1 else 0.12, (238, 238, 236))


def _hydrant(brush: Brush, rng: np.random.Generator, x: float, z: float) -> None:
    color = pick(rng, ((190, 36, 34), (214, 170, 40)))
    brush.flat(x, z, [(-0.16, 0.0), (0.16, 0.0), (0.14, 0.75), (-0.14, 0.75)], color)
    brush.disc(x, 0.78, z, 0.15, shaded(color, 1.1))


def _bench(brush: Brush, rng: np.random.Generator, x: float, z: float) -> None:
    brush.box((x - 0.8, x + 0.8), (0.4, 0.5), (z, z + 0.5), (130, 92, 58))
    brush.panel(x, z + 0.5, 0.8, (0.6, 0.95), (120, 84, 52))


def _crates(brush: Brush, rng: np.random.Generator, x: float, z: float) -> None:
    for index in range(int(rng.integers(1, 4))):
        low = 0.55 * index
        brush.box((x - 0.4, x + 0.4), (low, low + 0.5), (z, z + 0.7), (132, 98, 62))


def _bush(brush: Brush, rng: np.random.Generator, x: float, z: float) -> None:
    for _ in range(6):
        shift, radius = rng.uniform(-0.6, 0.6), rng.uniform(0.3, 0.55)
        brush.disc(x + shift, radius * 0.8, z, radius, pick(rng, LEAVES[:3]))


PROPS: dict[str, Callable[[Brush, np.random.Generator, float, float], None]] = {
    "tree": _tree,
    "lamp_post": _lamp_post,
    "round_sign": _round_sign,
    "hydrant": _hydrant,
    "bench": _bench,
    "crates": _crates,
    "bush": _bush,
    "truck": _truck,
}
