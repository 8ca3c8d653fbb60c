"""From the values of an opened image to 8 bits; for those of more, which become black and white."""

from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from kerastl_runtime.errors import MediaError
from kerastl_runtime.input_contract import Intensity, Percentiles

_BITS = (8, 10, 12, 14, 16)
_PHOTOMETRIC_TAG = 262  # of a TIFF
_WHITE_IS_ZERO = 0


class Scaling(NamedTuple):
    """Which values of gray images of more than 8 bits become black and white."""

    intensity: Intensity = None  # None: the high byte of integers, the bits stored of a DICOM
    dicom_window: bool = True  # the own VOI LUT or window of a DICOM comes first


def is_deep(image: Image.Image) -> bool:
    """Whether an image is gray with more than 8 bits."""
    return image.mode.startswith("I") or image.mode == "F"


def scaled(gray: np.ndarray, intensity: tuple[float, float] | Percentiles) -> np.ndarray:
    """Returns values as uint8; what is outside of the range is clipped, and NaN is black.

    Args:
        gray: Values as stored, `(height, width)`.
        intensity: The values that become 0 and 255, or their percentiles in this image.
    """
    low, high = (
        np.nanpercentile(gray, list(intensity)) if isinstance(intensity, Percentiles) else intensity
    )
    share = (gray.astype(np.float32) - low) / max(high - low, 1e-6)
    return np.rint(np.nan_to_num(share).clip(0, 1) * 255).astype(np.uint8)


def range_of(low: float, high: float, *, are_floats: bool = False) -> tuple[float, float]:
    """Returns what becomes black and white of images whose values have these ends.

    From 0 to the largest value of the fewest bits that hold the integers, at most 16; from 0 to 1
    for floats within it; otherwise, such as for negative values, the ends.
    """
    if are_floats and low >= 0 and high <= 1:
        return 0.0, 1.0
    if are_floats or low < 0 or high >= 2 ** _BITS[-1]:
        return float(low), float(high if high > low else low + 1)
    return 0.0, float(2 ** next(bits for bits in _BITS if high < 2**bits) - 1)


def eight_bits(
    image: Image.Image, raw_mode: object, intensity: Intensity, *, where: str
) -> Image.Image:
    """Returns the image in mode L or RGB, 8 bits, transparency composited onto white."""
    if is_deep(image) and (intensity is not None or image.format == "TIFF"):
        return Image.fromarray(_scaled_gray(image, intensity, where))
    if is_deep(image):
        image = _high_byte(image)
    elif "transparency" in image.info:
        image.info["transparency"] = _rescaled_key(image.info["transparency"], raw_mode)
    if image.has_transparency_data:
        layered = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(layered, mask=layered.getchannel("A"))
        return white
    return in_mode(image, "L" if image.mode in ("1", "L") else "RGB")


def in_mode(image: Image.Image, mode: str) -> Image.Image:
    """Returns an image in another mode; itself if it is in that mode."""
    return image if image.mode == mode else image.convert(mode)  # convert always copies


def no_range(where: str) -> MediaError:
    """Returns the error of an image whose values have no known range."""
    return MediaError(
        "Which values of the image are black and white is not known.",
        where=where,
        expected="images of 8 bits, or gray values in a range that training decided",
        received="floats",
        fix="Set data.intensity to [low, high] or to {percentiles: [0.5, 99.5]} and train again.",
    )


def _scaled_gray(image: Image.Image, intensity: Intensity, where: str) -> np.ndarray:
    gray = np.asarray(image)
    if intensity is None and image.mode == "F":
        raise no_range(where)
    levels = scaled(gray, (0.0, 65535.0) if intensity is None else intensity)
    tags = getattr(image, "tag_v2", {})
    if tags.get(_PHOTOMETRIC_TAG) == _WHITE_IS_ZERO:  # Pillow inverts 8 bits only
        return 255 - levels
    transparent = image.info.get("transparency")
    if transparent is not None:
        levels[gray == transparent] = 255
    return levels


def _high_byte(image: Image.Image) -> Image.Image:
    gray = np.asarray(image)
    high = Image.fromarray((gray >> 8).clip(0, 255).astype(np.uint8))
    transparent = image.info.get("transparency")
    if transparent is None:
        return high
    alpha = np.where(gray == transparent, 0, 255).astype(np.uint8)
    return Image.merge("LA", (high, Image.fromarray(alpha)))


def _rescaled_key(key: Any, raw_mode: object) -> Any:
    """Brings a PNG's transparent color to the depth of the pixels, which Pillow has rescaled."""
    if raw_mode == "L;2":
        return key * 85
    if raw_mode == "L;4":
        return key * 17
    if raw_mode == "RGB;16B":
        return tuple(value >> 8 for value in key)
    return key
