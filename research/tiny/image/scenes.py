"""Opaque scenes: things before a background, under one light.

Convention: an answer is 1.0, 0.0 or NaN; it is NaN if the image leaves it open, such as a
thing of which only a sliver shows.
"""

import numpy as np

from research.tiny.image import backgrounds, colors, shapes, textures
from research.tiny.image.canvas import Array, Canvas, Painted, outline

CANVAS_SIZE = 128
CLEARLY_VISIBLE = 0.006
BARELY_VISIBLE = 0.0015
ROUND = ("disc", "ellipse", "blob", "tree", "animal")

Answers = dict[str, float]
ATTRIBUTES = (
    *(f"shows_{kind}" for kind in shapes.KINDS),
    *(f"color_{name}" for name in colors.NAMES),
    *(f"texture_{kind}" for kind in textures.KINDS),
    *(f"background_{kind}" for kind in backgrounds.KINDS),
    "stripes_upright",
    "stripes_level",
    "horizon_high",
    "several_things",
    "many_things",
    "largest_is_left",
    "largest_is_upper",
    "largest_is_large",
    "largest_touches_border",
    "has_upright_thing",
    "has_overlap",
    "lit_from_left",
    "lit_from_above",
    "has_shadows",
)


def scene(rng: np.random.Generator) -> tuple[Array, Answers]:
    """Draws one scene.

    Returns:
        Pixels `(CANVAS_SIZE, CANVAS_SIZE, 3)` in [0, 1], and the answer to each of `ATTRIBUTES`.
    """
    behind = backgrounds.background(rng, CANVAS_SIZE)
    light, strength = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(0.0, 1.0)
    canvas = Canvas(behind.pixels.copy(), light=light, strength=strength)
    shadows = bool(rng.random() < 0.5)
    for kind in _kinds(rng, behind.kind):
        _paint(rng, canvas, kind, horizon=behind.horizon, shadow=shadows)
    return canvas.pixels, _answers(canvas, behind, shadows=shadows)


def _kinds(rng: np.random.Generator, background: str) -> list[str]:
    count = int(
        rng.choice([0, 1, 2, 3, 4, 5, 7, 9], p=[0.04, 0.2, 0.2, 0.18, 0.14, 0.1, 0.08, 0.06])
    )
    outdoors = background in ("street", "country")
    names = tuple(shapes.COMPOSITE) if rng.random() < (0.85 if outdoors else 0.4) else shapes.KINDS
    return [str(rng.choice(names)) for _ in range(count)]


def _place(
    rng: np.random.Generator, kind: str, horizon: float | None
) -> tuple[float, float, float]:
    """Draws x, y and radius; things on a plane are smaller the nearer to its horizon."""
    x = rng.uniform(-0.9, 0.9)
    if horizon is None or kind in shapes.SIMPLE or rng.random() < 0.15:
        return x, rng.uniform(-0.8, 0.8), float(np.exp(rng.uniform(np.log(0.12), np.log(0.85))))
    foot = rng.uniform(horizon + 0.05, 1.15)
    radius = (0.08 + 0.75 * (foot - horizon)) * rng.uniform(0.6, 1.2)
    return x, foot - radius * 0.9, float(radius)


def _paint(
    rng: np.random.Generator, canvas: Canvas, kind: str, *, horizon: float | None, shadow: bool
) -> None:
    x, y, radius = _place(rng, kind, horizon)
    roles = outline(shapes.thing(rng, kind), size=canvas.size, x=x, y=y, radius=radius)
    texture, angle, pattern = textures.surface(rng, canvas.size)
    hue, body = colors.any_color(rng)
    second = np.clip(body + rng.uniform(-0.5, 0.5), 0.0, 1.0)
    fills = {
        "body": body if texture == "plain" else body + pattern[..., None] * (second - body),
        "accent": colors.muted(rng),
        "dark": np.full(3, rng.uniform(0.02, 0.2)),
        "bright": np.full(3, rng.uniform(0.75, 1.0)) * [1.0, 0.95, 0.85],
    }
    covered = roles > 0
    if shadow:
        canvas.cast_shadow(covered, radius)
    canvas.paint(roles, fills, canvas.shade(x, y, radius, is_round=kind in ROUND))
    canvas.hide(covered)
    canvas.things.append(Painted(kind, x, y, radius, hue, texture, angle, covered))


def _area(painted: Painted) -> float:
    return float(painted.mask.mean())


def _shown(things: list[Painted]) -> float:
    """Returns 1 if one of the things is clearly visible, 0 if none is, NaN in between."""
    largest = max((_area(painted) for painted in things), default=0.0)
    if largest >= CLEARLY_VISIBLE:
        return 1.0
    return float("nan") if largest >= BARELY_VISIBLE else 0.0


def _answers(canvas: Canvas, behind: backgrounds.Background, *, shadows: bool) -> Answers:
    things = canvas.things
    visible = [painted for painted in things if _area(painted) >= CLEARLY_VISIBLE]
    answers = {
        f"shows_{kind}": _shown([t for t in things if t.kind == kind]) for kind in shapes.KINDS
    }
    for name in colors.NAMES:
        answers[f"color_{name}"] = _shown([t for t in things if t.hue == name])
    for kind in textures.KINDS:
        answers[f"texture_{kind}"] = _shown([t for t in things if t.texture == kind])
    for kind in backgrounds.KINDS:
        answers[f"background_{kind}"] = float(behind.kind == kind)
    answers["horizon_high"] = float("nan") if behind.horizon is None else float(behind.horizon < 0)
    answers["several_things"] = float(len(visible) >= 2)
    answers["many_things"] = float(len(visible) >= 4)
    answers["has_shadows"] = float(shadows) if visible and canvas.strength > 0.3 else float("nan")
    return answers | _stripes(visible) | _largest(visible) | _light(canvas, visible)


def _stripes(visible: list[Painted]) -> Answers:
    angles = [painted.angle for painted in visible if painted.angle is not None]
    if not angles:
        return {"stripes_upright": float("nan"), "stripes_level": float("nan")}
    return {
        "stripes_upright": float(any(abs(np.cos(angle)) > 0.9 for angle in angles)),
        "stripes_level": float(any(abs(np.sin(angle)) > 0.9 for angle in angles)),
    }


def _largest(visible: list[Painted]) -> Answers:
    if not visible:
        unknown = ("largest_is_left", "largest_is_upper", "largest_is_large")
        return dict.fromkeys(
            (*unknown, "largest_touches_border", "has_upright_thing", "has_overlap"), float("nan")
        )
    largest = max(visible, key=_area)
    edge = np.concatenate([largest.mask[[0, -1]].ravel(), largest.mask[:, [0, -1]].ravel()])
    tall = [painted for painted in visible if _is_upright(painted)]
    overlap = any(
        np.hypot(a.x - b.x, a.y - b.y) < 0.7 * (a.radius + b.radius)
        for i, a in enumerate(visible)
        for b in visible[:i]
    )
    return {
        "largest_is_left": float(largest.x < 0),
        "largest_is_upper": float(largest.y < 0),
        "largest_is_large": float(_area(largest) > 0.08),
        "largest_touches_border": float(edge.any()),
        "has_upright_thing": float(bool(tall)),
        "has_overlap": float(overlap),
    }


def _is_upright(painted: Painted) -> bool:
    rows, columns = np.flatnonzero(painted.mask.any(1)), np.flatnonzero(painted.mask.any(0))
    return (rows[-1] - rows[0]) > 1.6 * (columns[-1] - columns[0])


def _light(canvas: Canvas, visible: list[Painted]) -> Answers:
    if not visible or canvas.strength < 0.3:
        return {"lit_from_left": float("nan"), "lit_from_above": float("nan")}
    return {
        "lit_from_left": float(np.cos(canvas.light) < 0),
        "lit_from_above": float(np.sin(canvas.light) < 0),
    }
