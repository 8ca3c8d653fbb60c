"""Geometries of resizing: stretch, pad and crop."""

from collections.abc import Callable

from PIL import Image

from kerastl_runtime.errors import ConfigError

Size = tuple[int, int]  # width, height, as in Pillow
Box = tuple[float, float, float, float]  # left, top, right, bottom
Geometry = Callable[
    [Size, Size], tuple[Size, Box]
]  # size, target -> size of the result, its source


def geometry_of(resize: str) -> Geometry:
    """Returns the function of a value of `resize`, or raises a `ConfigError`."""
    if resize not in _GEOMETRIES:
        raise ConfigError(
            "There is no such way to resize images.",
            expected="stretch, pad or crop",
            received=repr(resize),
        )
    return _GEOMETRIES[resize]


def pad_to(image: Image.Image, target: Size) -> Image.Image:
    """Puts an image into the center of a black image of the target's size."""
    if image.size == target:
        return image
    canvas = Image.new("RGB", target)
    canvas.paste(image, ((target[0] - image.width) // 2, (target[1] - image.height) // 2))
    return canvas


def _stretch(size: Size, target: Size) -> tuple[Size, Box]:
    return target, (0, 0, *size)


def _pad(size: Size, target: Size) -> tuple[Size, Box]:
    scale = min(target[0] / size[0], target[1] / size[1])
    inner = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    return inner, (0, 0, *size)


def _crop(size: Size, target: Size) -> tuple[Size, Box]:
    scale = max(target[0] / size[0], target[1] / size[1])
    margin_x = (size[0] - min(size[0], target[0] / scale)) / 2
    margin_y = (size[1] - min(size[1], target[1] / scale)) / 2
    return target, (margin_x, margin_y, size[0] - margin_x, size[1] - margin_y)


_GEOMETRIES: dict[str, Geometry] = {"stretch": _stretch, "pad": _pad, "crop": _crop}
