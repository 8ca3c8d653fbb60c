"""Thumbnails of images for reports."""

import io
from pathlib import Path

from PIL import Image

from kerastl.errors import MediaError
from kerastl.media.image.decoding import (
    SIDEWAYS,
    load_image,
    open_image,
    orientation,
    read_image_file,
)
from kerastl.media.preview import Preview, data_uri, no_preview

THUMBNAIL = 128  # pixels of the longer side: 96 on the page, and sharp on dense screens
_QUALITY = 70


def thumbnail(path: Path) -> Preview:
    """Returns a JPEG of an image as it is seen: upright, on white, proportions kept."""
    try:
        width, height = _upright_size(path)
        scale = min(1.0, THUMBNAIL / max(width, height))
        pixels = load_image(
            path, height=max(1, round(height * scale)), width=max(1, round(width * scale))
        )
    except MediaError as error:
        return no_preview(error.what)
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "JPEG", quality=_QUALITY, optimize=True)
    return Preview(element="image", uri=data_uri("image/jpeg", encoded.getvalue()))


def _upright_size(path: Path) -> tuple[int, int]:
    image = open_image(read_image_file(path), where=str(path))
    return image.size[::-1] if orientation(image) in SIDEWAYS else image.size
