"""Thumbnails of images for reports."""

import io

from PIL import Image, ImageDraw

from kerastl.errors import MediaError
from kerastl.media.preview import Preview, data_uri, no_preview
from kerastl_runtime.decoder import WHOLE, Cut
from kerastl_runtime.image.decoding import decode_image, read_image_file
from kerastl_runtime.image.opening import image_size
from kerastl_runtime.image.regions import box_of, frame_of
from kerastl_runtime.input_contract import Percentiles
from kerastl_runtime.media_file import MediaFile

THUMBNAIL = 320  # pixels of the longer side: the page shows it small, and enlarged on a click
_QUALITY = 50  # of WebP, which needs a fifth fewer bytes than JPEG
_METHOD = 2  # takes half as long as the default, for 5 % more bytes
_VISIBLE = Percentiles(0.5, 99.5)  # black to white of more than 8 bits
_OUTLINE = (255, 200, 0)


def thumbnail(file: MediaFile, cut: Cut = WHOLE) -> Preview:
    """Returns a WebP of an image as it is seen: upright, on white, proportions kept.

    A region is outlined in the whole image, so that its surroundings are seen.
    """
    where, frame = str(file), frame_of(cut)
    try:
        data = read_image_file(file)
        size = image_size(data, frame=frame, where=where)
        scale = min(1.0, THUMBNAIL / max(size))
        width, height = (max(1, round(side * scale)) for side in size)
        whole = (*[None] * 4, float(frame))
        pixels = decode_image(
            data, cut=whole, height=height, width=width, intensity=_VISIBLE, where=where
        )
        box = box_of(cut, size, where=where)
    except MediaError as error:
        return no_preview(error.what)
    image = Image.fromarray(pixels)
    if box != (0, 0, *size):
        left, top, right, bottom = (round(edge * scale) for edge in box)
        ImageDraw.Draw(image).rectangle(
            (left, top, max(left, right - 1), max(top, bottom - 1)), outline=_OUTLINE, width=2
        )
    encoded = io.BytesIO()
    image.save(encoded, "WEBP", quality=_QUALITY, method=_METHOD)
    return Preview(element="image", uri=data_uri("image/webp", encoded.getvalue()))
