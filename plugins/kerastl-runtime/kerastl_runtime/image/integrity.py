"""Detection of damage in image files that decoders accept without an error.

Convention: nothing is guessed from how an image looks; a finding is a proof.

A JPEG that was cut off and closed again: downloaders and editors put an end marker behind what they
have, the decoder reaches it too early and fills the rest with the last color, or leaves a
progressive file blurred. If pixels may be missing, junk is put in front of the end marker and the
image is decoded again: after a complete scan junk is ignored, after a short one it shows.

A PNG whose pixel data does not match its checksum, which Pillow does not verify.
"""

import io
import zlib

from PIL import Image, ImageChops

_START_OF_SCAN = b"\xff\xda"
_END_OF_IMAGE = b"\xff\xd9"
_TAIL = 8  # pixels at the end of the last row; fewer missing ones do no harm
# Any bytes without structure but 0xFF, which would begin a marker.
_JUNK = bytes((index * 97 + index // 251 * 13) % 251 for index in range(4096))
_PNG_SIGNATURE_SIZE = 8


def find_damage(image: Image.Image, data: bytes) -> str | None:
    """Returns what is wrong with a decoded file, or None; the scale of `image` may be reduced."""
    if image.format == "PNG" and _has_wrong_checksum(data):
        return "its pixel data does not match its checksum"
    if image.format in ("JPEG", "MPO") and _ends_early(image, data):
        return "its data ends before the image does"
    return None


def _has_wrong_checksum(data: bytes) -> bool:
    view, start = memoryview(data), _PNG_SIGNATURE_SIZE
    while start + 12 <= len(data):
        end = start + 8 + int.from_bytes(view[start : start + 4], "big")
        checksum = int.from_bytes(view[end : end + 4], "big")
        if view[start + 4 : start + 8] == b"IDAT" and zlib.crc32(view[start + 4 : end]) != checksum:
            return True
        start = end + 4
    return False


def _ends_early(image: Image.Image, data: bytes) -> bool:
    if not ("progressive" in image.info or _tail_is_flat(image)):
        return False
    end = data.find(_END_OF_IMAGE, data.rfind(_START_OF_SCAN))
    if end < 0:
        return False
    extended = Image.open(io.BytesIO(data[:end] + _JUNK + data[end:]), formats=("JPEG",))
    scale = round(extended.width / image.width)
    extended.draft(None, (extended.width // scale, extended.height // scale))
    return ImageChops.difference(extended, image).getbbox() is not None


def _tail_is_flat(image: Image.Image) -> bool:
    """Whether the last pixels of the last row are equal: only there, no color bleeds in."""
    left = max(0, image.width - _TAIL)
    tail = image.crop((left, image.height - 1, image.width, image.height))
    return tail.getcolors(maxcolors=1) is not None
