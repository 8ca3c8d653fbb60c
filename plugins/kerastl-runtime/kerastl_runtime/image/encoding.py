"""Images in memory as the bytes of a file that holds them exactly."""

import io
from typing import Any

import numpy as np
from PIL import Image

_EXACT = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")  # modes that a PNG stores as they are
_DEEP = ("I", "F", "I;16B")  # that a TIFF does


def encode_image(value: Any) -> bytes | None:
    """Returns a PIL image or an array as a file; None for other values and arrays.

    Arrays are uint8, `(height, width, 3)`, RGB.
    """
    encoded = io.BytesIO()
    if isinstance(value, Image.Image):
        if value.mode in _DEEP:
            value.save(encoded, "TIFF")
            return encoded.getvalue()
        try:
            image = value if value.mode in _EXACT else value.convert("RGB")
        except ValueError:  # of modes that Pillow does not convert
            return None
        image.save(encoded, "PNG", compress_level=1, exif=value.getexif())
        return encoded.getvalue()
    array = np.asarray(value)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
        return None
    Image.fromarray(array).save(encoded, "BMP")
    return encoded.getvalue()
