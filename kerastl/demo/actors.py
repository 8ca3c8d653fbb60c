"""The objects of the tasks: pedestrians, cars, stop signs and traffic lights.

Convention: an actor stands at `(x, 0, z)` and is painted by a function of a brush, a source of
randomness that belongs to the actor alone (so it looks the same in every frame), and its position.
"""

import itertools

import numpy as np

from kerastl.demo.brush import Brush, Color, Point, mixed, shaded

SKIN: tuple[Color, ...] = ((236, 196, 166), (200, 150, 115), (141, 94, 62), (92, 60, 42))
PAINT: tuple[Color, ...] = (
    (176, 32, 34), (36, 72, 140), (226, 226, 222), (38, 40, 44), (128, 132, 138), (186, 178, 158),
    (40, 92, 66), (208, 164, 42), (96, 150, 190), (120, 54, 40),
)  # fmt: skip
CLOTHES: tuple[Color, ...] = (
    (214, 60, 56), (56, 104, 196), (232, 228, 220), (64, 150, 84), (240, 190, 60),
    (150, 84, 176), (236, 128, 60), (96, 184, 206),
)  # fmt: skip


def pick(rng: np.random.Generator, colors: tuple[Color, ...]) -> Color:
    """Draws one of `colors`, a little brighter or darker."""
    return shaded(colors[int(rng.integers(len(colors)))], rng.uniform(0.8, 1.1))


def pedestrian(brush: Brush, rng: np.random.Generator, x: float, z: float) -> None:
    """Paints a person, whose stride depends on the frame."""
    height, build = rng.uniform(1.5, 1.9), rng.uniform(0.85, 1.2)
    coat, trousers, skin = pick(rng, CLOTHES), pick(rng, CLOTHES), pick(rng, SKIN)
    is_long, has_bag = bool(rng.random() < 0.3), bool(rng.random() < 0.3)
    stride = 0.2 * np.sin(1.3 * brush.frame + rng.uniform(0.0, 6.0))
    scale = height / 1.75

    def part(points: list[tuple[float, float]], color: Color) -> None:
        brush.flat(x, z, [(a * scale * build, b * scale) for a, b in points], color)

    for foot, shade in ((-stride, 0.8), (stride, 1.0)):
        leg = [(-0.1, 0.85), (0.1, 0.85), (foot + 0.07, 0.06), (foot - 0.07, 0.06)]
        part(leg, shaded(trousers, shade))
        shoe = [(foot - 0.08, 0.0), (foot + 0.13, 0.0), (foot + 0.08, 0.09), (foot - 0.08, 0.09)]
        part(shoe, (34, 30, 30))
    hem = 0.55 if is_long else 0.8
    arm = 0.1 - 0.8 * stride
    part([(-0.16, 1.4), (-0.26, 0.95), (-0.2 + arm - 0.1, 0.72), (-0.1, 0.95)], shaded(coat, 0.8))
    part([(-0.2, 1.45), (0.2, 1.45), (0.21, hem), (-0.21, hem)], coat)
    part([(0.05, 1.45), (0.2, 1.45), (0.21, hem), (0.06, hem)], shaded(coat, 0.85))
    part([(0.16, 1.4), (0.24, 1.0), (0.2 - arm, 0.75), (0.1, 1.0)], shaded(coat, 0.7))
    if has_bag:
        part([(-0.34, 1.2), (-0.18, 1.25), (-0.18, 0.85), (-0.34, 0.85)], pick(rng, CLOTHES))
    part([(-0.05, 1.52), (0.05, 1.52), (0.05, 1.42), (-0.05, 1.42)], shaded(skin, 0.85))
    hair = pick(rng, ((40, 28, 20), (90, 60, 34), (24, 22, 22), (170, 140, 90), (130, 130, 130)))
    brush.disc(x, 1.64 * scale, z, 0.13 * scale, hair, width=0.85)
    brush.disc(x + 0.02, 1.61 * scale, z, 0.1 * scale, skin, width=0.8)


def car_along(brush: Brush, rng: np.random.Generator, x: float, z: float, *, night: bool) -> None:
    """Paints a parked or driving car on this street, seen from behind or from the front."""
    paint, is_ahead = pick(rng, PAINT), bool(rng.random() < 0.5)
    half, length, roof = rng.uniform(0.82, 0.95), rng.uniform(3.6, 4.6), rng.uniform(1.38, 1.65)
    waist, glass = rng.uniform(0.78, 0.9), (44, 54, 64)
    left, right, far = x - half, x + half, z + length
    for wheel in (left + 0.14, right - 0.14):
        brush.box((wheel - 0.12, wheel + 0.12), (0.0, 0.6), (z + 0.3, z + 0.9), (22, 22, 24))
    brush.box((left, right), (0.26, waist), (z, far), paint)
    _cabin(brush, x, half, (waist, roof), (z + length * 0.14, z + length * 0.8), paint, glass)
    if abs(x - brush.camera.x) > half:
        side = right if x < brush.camera.x else left
        for center in (z + 0.8, far - 0.8):
            _side_wheel(brush, side, center)
    brush.panel(x, z, half, (0.26, 0.42), shaded(paint, 0.55))
    lamp: Color = (255, 246, 214) if is_ahead else (190, 22, 22)
    for side in (-1.0, 1.0):
        brush.disc(x + side * (half - 0.2), 0.64, z, 0.1, lamp, width=1.5)
        if night:
            brush.glow(x + side * (half - 0.2), 0.64, z, 0.5 if is_ahead else 0.3, lamp)
    brush.panel(x, z, 0.26, (0.44, 0.56), (30, 30, 32) if is_ahead else (225, 225, 210))


def _cabin(
    brush: Brush, x: float, half: float, height: Point, length: Point, paint: Color, glass: Color
) -> None:
    (waist, roof), (near, far) = height, length
    top, slope = half * 0.78, (roof - waist) * 0.7
    side = 1.0 if x < brush.camera.x else -1.0
    flank = [(x + side * half, waist, near), (x + side * top, roof, near + slope)]
    flank += [(x + side * top, roof, far - slope), (x + side * half, waist, far)]
    brush.polygon(flank, shaded(paint, 0.7))
    middle, mean = (waist + roof) / 2.0, np.mean([z for _, _, z in flank])
    inner = [(a, middle + (b - middle) * 0.7, mean + (c - mean) * 0.78) for a, b, c in flank]
    brush.polygon([(a, b, float(c)) for a, b, c in inner], glass)
    window = [(x - half, waist, near), (x + half, waist, near)]
    window += [(x + top, roof, near + slope), (x - top, roof, near + slope)]
    brush.polygon(window, shaded(paint, 0.95))
    pane = [(x + (a - x) * 0.86, middle + (b - middle) * 0.74, c - 0.02) for a, b, c in window]
    brush.polygon(pane, glass)
    shine = [pane[3], pane[2], (pane[2][0] - half * 0.7, middle, near), (pane[3][0], middle, near)]
    brush.polygon(shine, shaded(glass, 1.7))


def _side_wheel(brush: Brush, x: float, z: float) -> None:
    angles = np.linspace(0.0, 2.0 * np.pi, 14, endpoint=False)
    for radius, color in ((0.32, (20, 20, 22)), (0.17, (120, 122, 126))):
        rim = [(x, 0.32 + radius * np.sin(a), z + radius * np.cos(a)) for a in angles]
        brush.polygon([(a, float(b), float(c)) for a, b, c in rim], color)


def car_across(brush: Brush, rng: np.random.Generator, x: float, z: float, *, night: bool) -> None:
    """Paints a car seen from the side, on a crossing street."""
    paint, way = pick(rng, PAINT), float(rng.choice([-1.0, 1.0]))
    roof, front = rng.uniform(1.35, 1.6), rng.uniform(0.6, 1.1)

    def part(points: list[tuple[float, float]], color: Color) -> None:
        brush.flat(x, z, [(way * a, b) for a, b in points], color)

    part([(-2.1, 0.3), (2.15, 0.3), (2.2, 0.62), (1.9, 0.86), (-2.0, 0.92), (-2.15, 0.6)], paint)
    part([(-2.1, 0.3), (2.15, 0.3), (2.17, 0.45), (-2.12, 0.45)], shaded(paint, 0.6))
    part([(-1.7, 0.88), (-1.25, roof), (0.35, roof), (front + 0.15, 0.86)], shaded(paint, 0.9))
    part([(-1.5, 0.92), (-1.15, roof - 0.1), (-0.5, roof - 0.1), (-0.5, 0.92)], (50, 62, 74))
    part([(-0.4, 0.92), (-0.4, roof - 0.1), (0.28, roof - 0.1), (front - 0.05, 0.92)], (58, 72, 84))
    for wheel in (-1.35, 1.35):
        brush.disc(x + way * wheel, 0.33, z, 0.33, (20, 20, 22))
        brush.disc(x + way * wheel, 0.33, z, 0.18, (128, 130, 134))
    brush.disc(x + way * 2.1, 0.66, z, 0.1, (255, 244, 210))
    if night:
        brush.glow(x + way * 2.1, 0.66, z, 0.5, (255, 244, 210))


_LETTERS = (
    ((0.8, 0.9), (0.2, 0.9), (0.2, 0.5), (0.8, 0.5), (0.8, 0.1), (0.2, 0.1)),
    ((0.1, 0.9), (0.9, 0.9), (0.5, 0.9), (0.5, 0.1)),
    ((0.2, 0.1), (0.2, 0.9), (0.8, 0.9), (0.8, 0.1), (0.2, 0.1)),
    ((0.2, 0.1), (0.2, 0.9), (0.8, 0.9), (0.8, 0.5), (0.2, 0.5)),
)


def stop_sign(brush: Brush, rng: np.random.Generator, x: float, z: float) -> None:
    """Paints a red octagon with a white rim and its four letters on a pole."""
    up, radius = rng.uniform(1.9, 2.4), rng.uniform(0.7, 0.85)
    red = shaded((190, 26, 32), rng.uniform(0.75, 1.1))
    brush.post(x, z, [(-0.05, 0.0), (0.05, 0.0), (0.05, up), (-0.05, up)], (120, 122, 122))
    angles = np.pi / 8.0 + np.arange(8) * np.pi / 4.0
    for size, color in ((radius, (238, 238, 236)), (radius * 0.9, red)):
        octagon = [(float(size * np.cos(a)), float(up + size * np.sin(a))) for a in angles]
        brush.flat(x, z, octagon, color)
    width, height = radius * 0.34, radius * 0.5
    for index, letter in enumerate(_LETTERS):
        left = x + (index - 2) * width * 1.12
        for (a, b), (c, d) in itertools.pairwise(letter):
            columns = sorted((left + a * width, left + c * width))
            rows = sorted((up + (b - 0.5) * height, up + (d - 0.5) * height))
            (west, east), (low, high) = (
                (first - radius * 0.045, last + radius * 0.045) for first, last in (columns, rows)
            )
            stroke = [(west, low), (east, low), (east, high), (west, high)]
            brush.flat(0.0, z, stroke, (238, 238, 236))


def traffic_light(brush: Brush, rng: np.random.Generator, x: float, z: float, *, lit: int) -> None:
    """Paints three lamps in a housing on a pole or on an arm; `lit` is 0 (red) to 2 (green)."""
    up, reach = rng.uniform(2.6, 3.2), float(rng.choice([0.0, 2.2]))
    housing = pick(rng, ((36, 38, 36), (28, 40, 32), (60, 52, 30)))
    top = up + (1.0 if reach else 0.0)
    brush.post(x, z, [(-0.08, 0.0), (0.08, 0.0), (0.06, top), (-0.06, top)], (84, 88, 86))
    if reach:
        arm = [(0.0, top), (reach, top), (reach, top - 0.1), (0.0, top - 0.1)]
        brush.post(x, z, arm, (84, 88, 86))
    center, low = x + reach, top - 1.45
    brush.panel(center, z, 0.42, (low - 0.1, low + 1.75), (236, 232, 214))
    brush.panel(center, z, 0.33, (low, low + 1.65), housing)
    colors: tuple[Color, ...] = ((250, 50, 40), (255, 190, 50), (70, 235, 140))
    for index, color in enumerate(colors):
        height = low + 1.33 - 0.51 * index
        is_lit = index == lit
        brush.disc(center, height, z - 0.01, 0.2, color if is_lit else shaded(color, 0.2))
        if is_lit:
            brush.disc(center, height, z - 0.02, 0.1, mixed(color, (255, 255, 255), 0.5))
            brush.glow(center, height, z, 0.45, color)
