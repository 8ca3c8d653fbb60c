"""Gray images of more than 8 bits: which of their values become black and white."""

import numpy as np
from PIL import Image

from kerastl.media.image.settings import Percentiles

_BITS = (8, 10, 12, 14, 16)


def is_deep(image: Image.Image) -> bool:
    """Whether an image is gray with more than 8 bits."""
    return image.mode.startswith("I")


def scaled(gray: np.ndarray, intensity: tuple[float, float] | Percentiles) -> np.ndarray:
    """Returns values as uint8; what is outside of the range is clipped.

    Args:
        gray: Values as stored, `(height, width)`.
        intensity: The values that become 0 and 255, or their percentiles in this image.
    """
    low, high = (
        np.percentile(gray, intensity.percentiles)
        if isinstance(intensity, Percentiles)
        else intensity
    )
    share = (gray.astype(np.float32) - low) / max(high - low, 1e-6)
    return np.rint(share.clip(0, 1) * 255).astype(np.uint8)


def range_of_bits(largest: int) -> tuple[float, float]:
    """Returns 0 and the largest value of the fewest bits that hold a value, at most 16."""
    return 0.0, float(2 ** next(bits for bits in _BITS if largest < 2**bits or bits == 16) - 1)
