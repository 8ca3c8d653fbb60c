"""Light and weather: their effect on colors, visibility and the finished image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from kerastl.demo.brush import HEIGHT, SCALE, SIZE, WIDTH, Brush, Color

Pixels = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Weather:
    """One kind of light."""

    share: float  # of the scenes
    top: Color  # of the sky above
    air: Color  # of the sky at the horizon, to which distant things fade
    visibility: float  # distance in meters at which they have faded by two thirds
    tint: tuple[float, float, float]  # factors on red, green and blue of the finished image
    shadow: float  # strength of shadows on the ground, 0 to 1
    glow: float  # strength of the halos of lamps
    cloud: float  # covered part of the sky, 0 to 1


WEATHERS = {
    "clear": Weather(
        share=0.36, top=(74, 132, 206), air=(206, 222, 234), visibility=160.0,
        tint=(1.04, 1.02, 0.98), shadow=0.6, glow=0.12, cloud=0.4,
    ),
    "overcast": Weather(
        share=0.2, top=(150, 156, 164), air=(198, 200, 202), visibility=90.0,
        tint=(0.9, 0.91, 0.94), shadow=0.3, glow=0.18, cloud=0.75,
    ),
    "dusk": Weather(
        share=0.14, top=(84, 84, 140), air=(246, 176, 118), visibility=110.0,
        tint=(0.92, 0.74, 0.62), shadow=0.45, glow=0.5, cloud=0.5,
    ),
    "night": Weather(
        share=0.14, top=(22, 26, 54), air=(62, 62, 88), visibility=90.0,
        tint=(0.7, 0.72, 0.88), shadow=0.3, glow=1.0, cloud=0.3,
    ),
    "rain": Weather(
        share=0.08, top=(112, 120, 130), air=(160, 166, 174), visibility=45.0,
        tint=(0.72, 0.75, 0.8), shadow=0.2, glow=0.45, cloud=0.9,
    ),
    "fog": Weather(
        share=0.08, top=(206, 208, 210), air=(212, 214, 216), visibility=28.0,
        tint=(0.95, 0.95, 0.96), shadow=0.15, glow=0.35, cloud=0.0,
    ),
}  # fmt: skip


def draw_name(rng: np.random.Generator) -> str:
    """Draws the name of one of `WEATHERS`."""
    return str(rng.choice(list(WEATHERS), p=[weather.share for weather in WEATHERS.values()]))


def finished(brush: Brush, rng: np.random.Generator, name: str) -> Pixels:
    """Returns the image in its light, `(HEIGHT, WIDTH, 3)` in [0, 255]."""
    weather = WEATHERS[name]
    pixels = brush.array() * weather.tint * rng.uniform(0.85, 1.1)
    pixels = pixels + weather.glow * _halos(brush)
    if name == "rain":
        pixels = pixels + _rain(rng)
    rows, columns = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    pixels = pixels * (1.0 - 0.18 * (rows**2 + columns**2))[..., None]  # darker corners
    grain = rng.uniform(1.0, 3.0) * (1.6 if name == "night" else 1.0)
    pixels = pixels + grain * rng.standard_normal((HEIGHT, WIDTH, 1))
    return np.clip(pixels, 0.0, 255.0)


def _halos(brush: Brush) -> Pixels | float:
    lights = brush.shining()
    if not lights:
        return 0.0
    image = Image.new("RGB", (WIDTH, HEIGHT))
    draw = ImageDraw.Draw(image)
    for (column, row), radius, color in lights:
        x, y, reach = column / SCALE, row / SCALE, radius / SCALE
        draw.ellipse([x - reach, y - reach, x + reach, y + reach], fill=color)
    wide = image.reduce(2).filter(ImageFilter.GaussianBlur(3)).resize((WIDTH, HEIGHT))
    near = image.filter(ImageFilter.GaussianBlur(1.2))
    return 0.7 * np.asarray(wide, np.float64) + 0.5 * np.asarray(near, np.float64)


def _rain(rng: np.random.Generator) -> Pixels:
    image = Image.new("L", SIZE, 0)
    draw = ImageDraw.Draw(image)
    slant = rng.uniform(-0.3, 0.3)
    for _ in range(160):
        x, y, length = rng.uniform(0, SIZE[0]), rng.uniform(0, SIZE[1]), rng.uniform(8, 24)
        draw.line([x, y, x + slant * length, y + length], fill=int(rng.uniform(40, 110)))
    return np.asarray(image.reduce(SCALE), np.float64)[..., None]
