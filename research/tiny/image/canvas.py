"""Painting: things onto an image, with light, shadow and a record of what stays visible.

Convention: a canvas is painted back to front; what is painted later hides what is below.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from research.tiny.image.shapes import ROLES, Thing
from research.tiny.image.textures import Array, grid

Region = tuple[slice, slice]
Mask = NDArray[np.bool_]


@dataclass
class Painted:
    """One thing on the canvas and the pixels of it that nothing hides."""

    kind: str
    x: float
    y: float
    radius: float
    hue: str
    texture: str
    angle: float | None
    mask: Mask


@dataclass
class Canvas:
    """A square image while it is painted.

    Args:
        pixels: `(size, size, 3)` in [0, 1].
        light: Direction that the light comes from, in radians (0 is the right, π/2 below).
        strength: How strongly it shades, 0 to 1.
    """

    pixels: Array
    light: float
    strength: float
    things: list[Painted] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Side in pixels."""
        return self.pixels.shape[0]

    def paint(self, roles: NDArray[np.uint8], fills: Mapping[str, Array], shade: Array) -> None:
        """Fills each part of a thing with its role's color under `shade`.

        Args:
            roles: One plus the index in `ROLES` of the part on top, 0 outside the thing.
            fills: By role a color `(3,)` or a surface `(size, size, 3)`.
            shade: Factors `(size, size)`.
        """
        for index, role in enumerate(ROLES, start=1):
            part = roles == index
            fill = fills[role] if fills[role].ndim == 1 else fills[role][part]
            self.pixels[part] = np.minimum(fill * shade[part][:, None], 1.0)

    def shade(self, x: float, y: float, radius: float, *, is_round: bool) -> Array:
        """Returns factors near 1 `(size, size)` that model a lit body at `(x, y)`."""
        rows, columns = grid(self.size)
        down, right = (rows - y) / radius, (columns - x) / radius
        across = np.clip(down * np.sin(self.light) + right * np.cos(self.light), -1.0, 1.0)
        bulge = 0.25 - 0.5 * np.minimum(down**2 + right**2, 1.0) if is_round else 0.0
        return 1.0 + self.strength * (0.45 * across + bulge)

    def cast_shadow(self, covered: Mask, radius: float) -> None:
        """Darkens what is behind a thing on the side away from the light."""
        shift = max(1, int(radius * self.size * 0.09))
        rows = -round(np.sin(self.light) * shift)
        columns = -round(np.cos(self.light) * shift)
        self.pixels[np.roll(covered, (rows, columns), axis=(0, 1))] *= 1.0 - 0.45 * self.strength

    def hide(self, covered: Mask) -> None:
        """Takes the covered pixels from the masks of all that was painted before."""
        for painted in self.things:
            painted.mask &= ~covered


def outline(thing: Thing, *, size: int, x: float, y: float, radius: float) -> NDArray[np.uint8]:
    """Returns a thing placed at `(x, y)` as an array `(size, size)` of roles, as `paint` takes."""
    image = Image.new("L", (size, size), 0)
    draw = ImageDraw.Draw(image)
    for part in thing:
        corners = ((part.points * radius + [x, y]) * 0.5 + 0.5) * size
        fill = 0 if part.role == "hole" else ROLES.index(part.role) + 1
        draw.polygon([(float(a), float(b)) for a, b in corners], fill=fill)
    return np.asarray(image)
