"""The one rule from the bytes of a picture to its array; Pillow is the reference.

Convention: `RULE_VERSION` names the rule. It is raised by whatever changes a single value, and it
belongs into every cache key and bundle. Version 1:

1. **Formats**: JPEG, PNG, WebP, BMP, GIF; of an animation the first frame.
2. **Depth**: 16 bits become 8 by the high byte, which is less than one level (of 255) below exact
   scaling. It is what Pillow and libpng do for color, so gray and color agree.
3. **Color**: RGB. Gray is repeated in three channels; CMYK and YCCK JPEGs are read as inverted, as
   Adobe writes them. ICC profiles are ignored, as in the pipelines that published backbones were
   trained with.
4. **Transparency** is composited onto white: what is drawn on nothing is most often dark, and the
   colors hidden below full transparency are arbitrary.
5. **Resizing**: bilinear with antialiasing (`Image.Resampling.BILINEAR`). `stretch` fills the
   target; `pad` keeps the proportions on black; `crop` keeps them and cuts the center.
6. **Orientation**: the EXIF flag (1 to 8) turns the resized picture.
7. **Large JPEGs** are decoded at 1/2, 1/4 or 1/8 as long as twice the target's pixels remain in
   each direction. Against the full decode photographs change by about half a level on average and
   by less than 20 of 255 at any pixel; white noise by less.

A truncated or damaged file is an error; it never becomes a picture that is gray from somewhere on.
"""

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
from PIL import (
    BmpImagePlugin,  # noqa: F401  # importing a plugin registers its format, once, before threads
    GifImagePlugin,  # noqa: F401
    Image,
    ImageFile,
    JpegImagePlugin,  # noqa: F401
    MpoImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    WebPImagePlugin,  # noqa: F401
)

from kerastl.errors import MediaError
from kerastl.media.image.geometry import Box, Geometry, Size, geometry_of, pad_to
from kerastl.media.image.integrity import find_damage

RULE_VERSION = 1
MAX_PIXELS = 178_956_970  # where Pillow refuses by default
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")  # a JPEG of several pictures opens as MPO
EXTENSIONS = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".bmp", ".dib", ".gif")

_DRAFT_GAP = 2  # pixels that stay for each pixel of the target, in each direction
_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"BM", b"GIF8")
_FIX = (
    "Fetch the file again, or take its row out of the table; `kerastl data check` lists all such."
)


def load_image(path: str | Path, *, height: int, width: int, resize: str = "stretch") -> np.ndarray:
    """Reads one picture.

    Args:
        path: File with the picture.
        height: Rows of the result, in pixels.
        width: Columns of the result, in pixels.
        resize: `"stretch"`, `"pad"` or `"crop"`: what happens to the proportions.

    Returns:
        RGB, uint8 in [0, 255], shape `(height, width, 3)`.

    Raises:
        MediaError: The file is missing, truncated, damaged, too large or no picture.

    Example:

    ```python
    image = load_image("street.jpg", height=160, width=160)
    ```
    """
    data = read_picture_file(path)
    return decode_image(data, height=height, width=width, resize=resize, where=str(path))


def decode_image(
    data: bytes, *, height: int, width: int, resize: str = "stretch", where: str = "bytes"
) -> np.ndarray:
    """Decodes one picture, as `load_image` does.

    Args:
        data: The bytes of the file.
        height: Rows of the result, in pixels.
        width: Columns of the result, in pixels.
        resize: `"stretch"`, `"pad"` or `"crop"`.
        where: Name of the file, for error messages.

    Returns:
        RGB, uint8 in [0, 255], shape `(height, width, 3)`.

    Raises:
        MediaError: The bytes are truncated, damaged, too large or no picture.
    """
    geometry = geometry_of(resize)
    picture = open_picture(data, where=where)
    try:
        return np.array(_fitted(picture, data, (width, height), geometry))
    except Exception as error:
        # Pillow's decoders raise nearly anything on damaged bytes: OSError, SyntaxError, struct...
        raise _damaged(where, str(error)) from error


def read_picture_file(path: str | Path) -> bytes:
    """Returns the bytes of a file, or raises MediaError where it can't be read."""
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise MediaError(
            "The picture does not exist.",
            where=str(path),
            fix="Correct the path in the table: paths are relative to the table's folder.",
        ) from None
    except OSError as error:
        raise MediaError(
            "The picture can't be opened.", where=str(path), received=error.strerror or str(error)
        ) from None


def open_picture(data: bytes, *, where: str = "bytes") -> ImageFile.ImageFile:
    """Reads the header only: format, size and mode as Pillow names them.

    Raises:
        MediaError: The bytes are no picture, have a damaged header or more than `MAX_PIXELS`.
    """
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large(where) from None
    except Exception as error:
        if data.startswith(_SIGNATURES):
            raise _damaged(where, "its header can't be read") from error
        raise _no_picture(where, data) from None
    if picture.width * picture.height > MAX_PIXELS:
        raise _too_large(where)
    return picture


def verify_picture(data: bytes, *, where: str = "bytes") -> ImageFile.ImageFile:
    """Decodes every pixel, at full scale, and returns the picture as stored.

    Raises:
        MediaError: As `decode_image`; nothing that this accepts is refused there.
    """
    picture = open_picture(data, where=where)
    try:
        _load(picture, data)
    except Exception as error:  # as in decode_image
        raise _damaged(where, str(error)) from error
    return picture


def _load(picture: ImageFile.ImageFile, data: bytes) -> None:
    picture.load()
    if damage := find_damage(picture, data):
        raise OSError(damage)


def _damaged(where: str, reason: str) -> MediaError:
    return MediaError(
        "The picture is truncated or damaged.", where=where, received=reason, fix=_FIX
    )


def _too_large(where: str) -> MediaError:
    return MediaError(
        "The picture is too large to be decoded safely.",
        where=where,
        expected=f"at most {MAX_PIXELS // 10**6} megapixels",
        fix="Scale it down first.",
    )


def _no_picture(where: str, data: bytes) -> MediaError:
    return MediaError(
        "The file is no picture that kerastl reads.",
        where=where,
        expected="JPEG, PNG, WebP, BMP or GIF",
        received=f"bytes that begin with {data[:12]!r}" if data else "an empty file",
        fix="Convert it to one of these formats, or take its row out of the table.",
    )


def _fitted(
    picture: ImageFile.ImageFile, data: bytes, target: Size, geometry: Geometry
) -> Image.Image:
    raw_mode = picture.tile[0][3] if picture.tile else None
    orientation = _orientation(picture)  # of a PNG, this loads it
    stored_target = target[::-1] if orientation in _SIDEWAYS else target
    stored_size = picture.size
    inner, box = geometry(stored_size, stored_target)
    extent = _draft(picture, inner, box)
    _load(picture, data)
    drafted_box = _rescaled(box, stored_size, extent)
    resized = _opaque(picture, raw_mode).resize(inner, Image.Resampling.BILINEAR, box=drafted_box)
    return pad_to(_in_mode(_turned(resized, orientation), "RGB"), target)


def _orientation(picture: Image.Image) -> int:
    try:
        return picture.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # a broken EXIF block doesn't break the picture: taken as upright
        return 1


def _turned(picture: Image.Image, orientation: int) -> Image.Image:
    turn = _TURNS.get(orientation)
    return picture if turn is None else picture.transpose(turn)


def _draft(picture: Image.Image, inner: Size, box: Box) -> tuple[float, float]:
    """Asks a JPEG for a reduced decode; returns the picture's exact extent in reduced pixels."""
    needed = (
        math.ceil(_DRAFT_GAP * inner[0] * picture.width / (box[2] - box[0])),
        math.ceil(_DRAFT_GAP * inner[1] * picture.height / (box[3] - box[1])),
    )
    drafted = picture.draft(None, needed)
    return drafted[1][2:] if drafted else picture.size


def _rescaled(box: Box, size: Size, extent: tuple[float, float]) -> Box:
    scale_x, scale_y = extent[0] / size[0], extent[1] / size[1]
    right, bottom = min(box[2] * scale_x, extent[0]), min(box[3] * scale_y, extent[1])
    return box[0] * scale_x, box[1] * scale_y, right, bottom


def _opaque(picture: Image.Image, raw_mode: object) -> Image.Image:
    """Returns the picture in mode L or RGB, 8 bits, transparency composited onto white."""
    if picture.mode.startswith("I"):
        picture = _eight_bits(picture)
    elif "transparency" in picture.info:
        picture.info["transparency"] = _rescaled_key(picture.info["transparency"], raw_mode)
    if picture.has_transparency_data:
        layered = picture.convert("RGBA")
        white = Image.new("RGB", picture.size, "white")
        white.paste(layered, mask=layered.getchannel("A"))
        return white
    return _in_mode(picture, "L" if picture.mode in ("1", "L") else "RGB")


def _in_mode(picture: Image.Image, mode: str) -> Image.Image:
    return picture if picture.mode == mode else picture.convert(mode)  # convert always copies


def _eight_bits(picture: Image.Image) -> Image.Image:
    gray = np.asarray(picture)
    high = Image.fromarray((gray >> 8).clip(0, 255).astype(np.uint8))
    transparent = picture.info.get("transparency")
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
