"""Outlines: simple shapes and things made of several parts, as polygons in a unit box.

Convention: a thing is a list of parts, drawn in order; x grows to the right and y downwards, both
in [-1, 1]. A part's role says which of the thing's colors fills it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Role = Literal["body", "accent", "dark", "bright", "hole"]
ROLES: tuple[Role, ...] = ("body", "accent", "dark", "bright")


@dataclass(frozen=True)
class Part:
    """A polygon `(corners, 2)` of x and y, and what fills it."""

    points: Array
    role: Role = "body"


Thing = list[Part]


def _ellipse(x: float, y: float, width: float, height: float, corners: int = 28) -> Array:
    angles = np.arange(corners) * (2.0 * np.pi / corners)
    return np.stack([x + width * np.cos(angles), y + height * np.sin(angles)], axis=1)


def _box(left: float, top: float, right: float, bottom: float) -> Array:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


def _regular(corners: int, *, start: float = -np.pi / 2.0) -> Array:
    angles = start + np.arange(corners) * (2.0 * np.pi / corners)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _disc(rng: np.random.Generator) -> Thing:
    return [Part(_ellipse(0, 0, 1, 1))]


def _ellipse_thing(rng: np.random.Generator) -> Thing:
    return [Part(_ellipse(0, 0, 1, rng.uniform(0.3, 0.65)))]


def _ring(rng: np.random.Generator) -> Thing:
    inner = rng.uniform(0.4, 0.75)
    return [Part(_ellipse(0, 0, 1, 1)), Part(_ellipse(0, 0, inner, inner), "hole")]


def _crescent(rng: np.random.Generator) -> Thing:
    return [Part(_ellipse(0, 0, 1, 1)), Part(_ellipse(rng.uniform(0.4, 0.6), 0, 0.9, 0.9), "hole")]


def _triangle(rng: np.random.Generator) -> Thing:
    return [Part(_regular(3) * [1.0, rng.uniform(0.7, 1.2)])]


def _square(rng: np.random.Generator) -> Thing:
    return [Part(_box(-0.85, -0.85, 0.85, 0.85))]


def _bar(rng: np.random.Generator) -> Thing:
    half = rng.uniform(0.06, 0.2)
    return [Part(_box(-1, -half, 1, half))]


def _hexagon(rng: np.random.Generator) -> Thing:
    return [Part(_regular(6))]


def _octagon(rng: np.random.Generator) -> Thing:
    parts = [Part(_regular(8, start=np.pi / 8.0))]
    return [*parts, Part(_box(-0.6, -0.15, 0.6, 0.15), "bright")] if rng.random() < 0.5 else parts


def _star(rng: np.random.Generator) -> Thing:
    corners = int(rng.integers(4, 8))
    points = _regular(2 * corners)
    points[1::2] *= rng.uniform(0.35, 0.55)
    return [Part(points)]


def _cross(rng: np.random.Generator) -> Thing:
    half = rng.uniform(0.15, 0.35)
    return [Part(_box(-1, -half, 1, half)), Part(_box(-half, -1, half, 1))]


def _blob(rng: np.random.Generator) -> Thing:
    angles = np.arange(32) * (2.0 * np.pi / 32)
    radii = 0.75 + sum(
        rng.uniform(-0.16, 0.16) * np.cos(k * angles + rng.uniform(0, 6.3)) for k in (2, 3, 4, 5)
    )
    return [Part(np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1))]


def _figure(rng: np.random.Generator) -> Thing:
    stride, arm = rng.uniform(0.02, 0.2), rng.uniform(0.0, 0.16)
    leg = np.array([[-0.11, 0.2], [0.05, 0.2], [0.03, 1.0], [-0.09, 1.0]])
    return [
        Part(leg - stride * np.array([[0.3, 0], [0.3, 0], [1.3, 0], [1.3, 0]]), "accent"),
        Part(
            leg + np.array([[0.09, 0], [0.09, 0], [0.09 + stride, 0], [0.09 + stride, 0]]), "accent"
        ),
        Part(np.array([[-0.2, -0.58], [0.2, -0.58], [0.17, 0.28], [-0.17, 0.28]])),
        Part(np.array([[-0.2, -0.55], [-0.3 - arm, 0.12], [-0.2 - arm, 0.14], [-0.12, -0.4]])),
        Part(np.array([[0.2, -0.55], [0.3 + arm, 0.12], [0.2 + arm, 0.14], [0.12, -0.4]])),
        Part(_ellipse(0, -0.8, 0.13, 0.17), "bright"),
        *([Part(_ellipse(0, -0.9, 0.14, 0.1), "dark")] if rng.random() < 0.7 else []),
    ]


def _vehicle(rng: np.random.Generator) -> Thing:
    roof, hood, nose = rng.uniform(-0.55, -0.35), rng.uniform(0.35, 0.7), rng.uniform(0.8, 1.0)
    cabin = np.array([[-0.75, -0.1], [-0.5, roof], [hood * 0.55, roof], [hood, -0.1]])
    return [
        Part(_box(-1.0, -0.12, nose, 0.3)),
        Part(cabin),
        Part(cabin * [0.8, 0.75] + [0, -0.04], "dark"),
        Part(_ellipse(-0.58, 0.3, 0.2, 0.2), "dark"),
        Part(_ellipse(0.55, 0.3, 0.2, 0.2), "dark"),
        Part(_ellipse(nose - 0.08, 0.0, 0.06, 0.06), "bright"),
    ]


def _facing_vehicle(rng: np.random.Generator) -> Thing:
    top = rng.uniform(-0.75, -0.5)
    return [
        Part(_box(-0.7, 0.3, -0.45, 0.62), "dark"),
        Part(_box(0.45, 0.3, 0.7, 0.62), "dark"),
        Part(np.array([[-0.75, -0.1], [-0.5, top], [0.5, top], [0.75, -0.1]])),
        Part(_box(-0.8, -0.15, 0.8, 0.45)),
        Part(
            np.array([[-0.62, -0.15], [-0.43, top + 0.1], [0.43, top + 0.1], [0.62, -0.15]]), "dark"
        ),
        Part(_ellipse(-0.58, 0.1, 0.14, 0.1), "bright"),
        Part(_ellipse(0.58, 0.1, 0.14, 0.1), "bright"),
        Part(_box(-0.3, 0.05, 0.3, 0.2), "dark"),
    ]


def _two_wheeler(rng: np.random.Generator) -> Thing:
    frame = np.array([[-0.6, 0.4], [-0.15, -0.2], [0.4, -0.2], [0.6, 0.4], [0.3, 0.0], [-0.1, 0.3]])
    wheels = [Part(_ellipse(x, 0.4, 0.36, 0.36), "dark") for x in (-0.6, 0.6)]
    holes = [Part(_ellipse(x, 0.4, 0.26, 0.26), "hole") for x in (-0.6, 0.6)]
    return [*wheels, *holes, Part(frame), Part(_box(-0.35, -0.3, 0.0, -0.18), "accent")]


def _tree(rng: np.random.Generator) -> Thing:
    trunk = Part(_box(-0.1, 0.1, 0.1, 1.0), "accent")
    if rng.random() < 0.3:
        return [
            trunk,
            *(Part(_regular(3) * [0.7 - 0.15 * k, 0.5] + [0, 0.1 - 0.35 * k]) for k in range(3)),
        ]
    crowns = [
        Part(_ellipse(rng.uniform(-0.35, 0.35), rng.uniform(-0.7, 0.0), *rng.uniform(0.3, 0.55, 2)))
        for _ in range(5)
    ]
    return [trunk, *crowns]


def _building(rng: np.random.Generator) -> Thing:
    columns, rows = int(rng.integers(2, 5)), int(rng.integers(2, 6))
    role: Role = "dark" if rng.random() < 0.7 else "bright"
    windows = [
        Part(_box(x, y, x + 0.8 / columns, y + 0.9 / rows), role)
        for x in np.linspace(-0.65, 0.65, columns, endpoint=False) + 0.1 / columns
        for y in np.linspace(-0.85, 0.85, rows, endpoint=False) + 0.1 / rows
    ]
    roof = [Part(np.array([[-0.9, -0.95], [0, -1.5], [0.9, -0.95]]), "accent")]
    return [*(roof if rng.random() < 0.4 else []), Part(_box(-0.75, -1, 0.75, 1)), *windows]


def _sign(rng: np.random.Generator) -> Thing:
    plates = (
        _regular(8, start=np.pi / 8),
        _ellipse(0, 0, 1, 1),
        _regular(3),
        _regular(4),
        _box(-1, -0.6, 1, 0.6),
    )
    plate = plates[int(rng.integers(len(plates)))]
    mark = _box(-0.6, -0.14, 0.6, 0.14) if rng.random() < 0.6 else _box(-0.14, -0.5, 0.14, 0.5)
    return [
        Part(_box(-0.04, -0.4, 0.04, 1.0), "dark"),
        Part(plate * 0.45 + [0, -0.5], "bright"),
        Part(plate * 0.39 + [0, -0.5]),
        Part(mark * 0.42 + [0, -0.5], "bright"),
    ]


def _lamps(rng: np.random.Generator) -> Thing:
    lit = int(rng.integers(3))
    lamps = [
        Part(_ellipse(0, -0.72 + 0.4 * k, 0.14, 0.15), "body" if k == lit else "accent")
        for k in range(3)
    ]
    post = [Part(_box(-0.05, 0.2, 0.05, 1.3), "dark")] if rng.random() < 0.6 else []
    return [*post, Part(_box(-0.24, -1.0, 0.24, 0.36), "dark"), *lamps]


def _animal(rng: np.random.Generator) -> Thing:
    height = rng.uniform(0.45, 0.8)
    legs = [Part(_box(x, 0.0, x + 0.12, height)) for x in (-0.6, -0.4, 0.25, 0.45)]
    neck = np.array([[0.3, 0.0], [0.6, -0.05], [0.85, -0.5], [0.6, -0.55]])
    ear = np.array([[0.65, -0.6], [0.72, -0.9], [0.82, -0.6]])
    return [
        *legs,
        Part(_ellipse(0, 0, 0.65, 0.3)),
        Part(neck),
        Part(_ellipse(0.8, -0.5, 0.24, 0.17)),
        Part(ear),
    ]


def _furniture(rng: np.random.Generator) -> Thing:
    legs = [Part(_box(x, 0.05, x + 0.12, 0.9), "accent") for x in (-0.8, 0.68)]
    back = [Part(_box(-0.85, -0.9, -0.68, 0.1)), *legs] if rng.random() < 0.5 else legs
    return [*back, Part(_box(-0.9, -0.1, 0.9, 0.12))]


def _boat(rng: np.random.Generator) -> Thing:
    sail = np.array([[0.0, -1.0], [0.0, 0.1], [rng.uniform(0.5, 0.8), 0.1]])
    hull = np.array([[-0.9, 0.2], [0.9, 0.2], [0.6, 0.6], [-0.6, 0.6]])
    return [Part(hull), Part(_box(-0.04, -1.0, 0.04, 0.2), "dark"), Part(sail, "bright")]


SIMPLE: dict[str, Callable[[np.random.Generator], Thing]] = {
    "disc": _disc,
    "ellipse": _ellipse_thing,
    "ring": _ring,
    "crescent": _crescent,
    "triangle": _triangle,
    "square": _square,
    "bar": _bar,
    "hexagon": _hexagon,
    "octagon": _octagon,
    "star": _star,
    "cross": _cross,
    "blob": _blob,
}
COMPOSITE: dict[str, Callable[[np.random.Generator], Thing]] = {
    "figure": _figure,
    "vehicle": _vehicle,
    "facing_vehicle": _facing_vehicle,
    "two_wheeler": _two_wheeler,
    "tree": _tree,
    "building": _building,
    "sign": _sign,
    "lamps": _lamps,
    "animal": _animal,
    "furniture": _furniture,
    "boat": _boat,
}
KINDS = (*SIMPLE, *COMPOSITE)


def thing(rng: np.random.Generator, kind: str) -> Thing:
    """Draws one thing of a kind in `KINDS`; composites are upright, simple shapes are turned."""
    simple = kind in SIMPLE
    parts = (SIMPLE if simple else COMPOSITE)[kind](rng)
    angle = rng.uniform(0.0, 2.0 * np.pi) if simple else rng.normal(0.0, 0.06)
    mirror = rng.choice([-1.0, 1.0])
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return [Part((part.points * [mirror, 1.0]) @ turn, part.role) for part in parts]
