"""A camera in a street, and a brush that paints objects in perspective.

Convention: x points right, y up and z forward, in meters; everything is painted far to near, on
the image and on a second canvas that records the owner of each pixel.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

WIDTH, HEIGHT = 192, 128
SCALE = 2
SIZE = (WIDTH * SCALE, HEIGHT * SCALE)

Color = tuple[int, int, int]
Point = tuple[float, float]
NO_OWNER = 0
LARGEST_HALO = 22.0


def shaded(color: Color, factor: float) -> Color:
    """Returns `color` made brighter or darker by `factor`."""
    red, green, blue = (int(min(255.0, channel * factor)) for channel in color)
    return red, green, blue


def mixed(first: Color, second: Color, share: float) -> Color:
    """Returns the color a `share` (0 to 1) of the way from `first` to `second`."""
    red, green, blue = (int(a + share * (b - a)) for a, b in zip(first, second, strict=True))
    return red, green, blue


@dataclass(frozen=True)
class Camera:
    """The camera's position in meters, and its geometry in canvas pixels."""

    x: float
    eye: float  # height above the street
    z: float
    center: float  # column that looks along the street
    horizon: float  # row of the horizon
    focal: float

    def depth(self, z: float) -> float:
        """Returns the distance ahead to `z` in meters, at least 0.6."""
        return max(z - self.z, 0.6)

    def project(self, x: float, y: float, z: float) -> Point:
        """Returns the canvas pixel where a point of the world appears."""
        scale = self.focal / self.depth(z)
        return self.center + (x - self.x) * scale, self.horizon - (y - self.eye) * scale


@dataclass
class Brush:
    """Paints polygons and ellipses of the world."""

    camera: Camera
    air: Color  # that distant things fade to
    visibility: float  # distance in meters at which colors have faded by two thirds
    frame: int = 0
    owner: int = NO_OWNER  # of the pixels that are painted now
    image: Image.Image = field(default_factory=lambda: Image.new("RGB", SIZE))
    owners: Image.Image = field(default_factory=lambda: Image.new("L", SIZE, NO_OWNER))
    glows: list[tuple[Point, float, Color, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._draw = ImageDraw.Draw(self.image)
        self._draw_owner = ImageDraw.Draw(self.owners)

    def polygon(self, points: Sequence[tuple[float, float, float]], color: Color) -> None:
        """Fills a polygon of points `(x, y, z)`."""
        projected = [self.camera.project(*point) for point in points]
        depth = self.camera.depth(max(z for _, _, z in points))
        self._draw.polygon(projected, fill=self._seen(color, depth))
        self._draw_owner.polygon(projected, fill=self.owner)

    def flat(self, x: float, z: float, points: Sequence[Point], color: Color) -> None:
        """Fills a polygon that faces the camera, of points `(right, up)` around `(x, 0, z)`."""
        self.polygon([(x + right, up, z) for right, up in points], color)

    def panel(
        self, x: float, z: float, half: float, height: tuple[float, float], color: Color
    ) -> None:
        """Fills a rectangle that faces the camera, `half` wide to both sides of `x`."""
        low, high = height
        self.flat(x, z, [(-half, low), (half, low), (half, high), (-half, high)], color)

    def post(self, x: float, z: float, points: Sequence[Point], color: Color) -> None:
        """Fills what supports an object without being part of it, as `flat` does."""
        owner, self.owner = self.owner, NO_OWNER
        self.flat(x, z, points, color)
        self.owner = owner

    def disc(
        self, x: float, y: float, z: float, radius: float, color: Color, *, width: float = 1.0
    ) -> None:
        """Fills an ellipse that faces the camera, `radius` high and `radius * width` wide."""
        column, row = self.camera.project(x, y, z)
        depth = self.camera.depth(z)
        high = radius * self.camera.focal / depth
        box = [column - high * width, row - high, column + high * width, row + high]
        self._draw.ellipse(box, fill=self._seen(color, depth))
        self._draw_owner.ellipse(box, fill=self.owner)

    def box(
        self, x: tuple[float, float], y: tuple[float, float], z: tuple[float, float], color: Color
    ) -> None:
        """Fills the visible faces of a block: one side, the top if it is visible, the near face."""
        (left, right), (low, high), (near, far) = x, y, z
        if right < self.camera.x or left > self.camera.x:
            side = right if right < self.camera.x else left
            corners = [(side, low, near), (side, high, near), (side, high, far), (side, low, far)]
            self.polygon(corners, shaded(color, 0.72))
        if high < self.camera.eye:
            top = [(left, high, near), (right, high, near), (right, high, far), (left, high, far)]
            self.polygon(top, shaded(color, 1.18))
        face = [(left, low, near), (right, low, near), (right, high, near), (left, high, near)]
        self.polygon(face, color)

    def ground_shadows(
        self, spots: Sequence[tuple[float, float, float, float]], *, strength: float
    ) -> None:
        """Darkens the ground softly under things of `(x, z, half width, half length)`."""
        mask = Image.new("L", SIZE, 0)
        draw = ImageDraw.Draw(mask)
        for x, z, half, length in spots:
            corners = [(-half, -length), (half, -length), (half, length), (-half, length)]
            points = [self.camera.project(x + a, 0.0, z + b) for a, b in corners]
            draw.polygon(points, fill=int(255 * strength))
        black = Image.new("RGB", SIZE, (8, 8, 14))
        self.image.paste(black, mask=mask.filter(ImageFilter.GaussianBlur(2.5)))

    def glow(self, x: float, y: float, z: float, radius: float, color: Color) -> None:
        """Records a light, whose halo is added after everything is painted."""
        size = min(radius * self.camera.focal / self.camera.depth(z), LARGEST_HALO)
        self.glows.append((self.camera.project(x, y, z), size, color, self.owner))

    def shining(self) -> list[tuple[Point, float, Color]]:
        """Returns position, radius and color of the recorded lights that are visible."""
        return [
            (place, size, color)
            for place, size, color, owner in self.glows
            if 0 <= place[0] < SIZE[0] and 0 <= place[1] < SIZE[1]
            if self.owners.getpixel((int(place[0]), int(place[1]))) == owner
        ]

    def visible(self, owner: int) -> int:
        """Returns how many pixels of the finished image show `owner`."""
        return int((np.asarray(self.owners) == owner).sum()) // SCALE**2

    def array(self) -> NDArray[np.float64]:
        """Returns the image at its final size, `(HEIGHT, WIDTH, 3)` in [0, 255]."""
        return np.asarray(self.image.reduce(SCALE), dtype=np.float64)

    def _seen(self, color: Color, depth: float) -> Color:
        return mixed(color, self.air, 1.0 - float(np.exp(-depth / self.visibility)))
