"""The one rule from the bytes of an image to its array, with Pillow as the reference.

Convention: `RULE_VERSION` names the rule. Any change that alters a single value raises it, and it
is part of every cache key and bundle. Version 1:

1. **Formats**: JPEG, PNG, WebP, BMP, GIF; of an animation the first frame.
2. **Depth**: gray values of more than 8 bits are scaled from the range that the contract states
   to 0 to 255 and rounded, so that they are what the same image has in 8 bits. Without a range,
   and in color, 16 bits become 8 by the high byte, as Pillow and libpng do it, which is less than
   one level (of 255) below exact scaling.
3. **Color**: RGB. Gray is repeated in three channels; CMYK and YCCK JPEGs are read as inverted, as
   Adobe writes them. ICC profiles are ignored, as in the pipelines that published backbones were
   trained with.
4. **Transparency** is composited onto white: what is drawn on nothing is most often dark, and the
   colors hidden below full transparency are arbitrary.
5. **Resizing**: bilinear with antialiasing (`Image.Resampling.BILINEAR`). `stretch` fills the
   target; `pad` keeps the proportions on black; `crop` keeps them and cuts the center.
6. **Orientation**: the EXIF flag (1 to 8) turns the resized image.
7. **Large JPEGs** are decoded at 1/2, 1/4 or 1/8 as long as twice the target's pixels remain in
   each direction. Against the full decode photographs change by about half a level on average and
   by less than 20 of 255 at any pixel; white noise by less.

A truncated or damaged file is an error; it never becomes an image whose rest is gray.
"""

import hashlib
import io
import math
from pathlib import Path
from typing import Any, NamedTuple

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
from kerastl.files import require_regular
from kerastl.media.decoder import DecodedExample, Decoder
from kerastl.media.file_errors import damaged, not_opened, wrong_format
from kerastl.media.image.geometry import Box, Geometry, Size, geometry_of, pad_to
from kerastl.media.image.integrity import find_damage
from kerastl.media.image.intensity import is_deep, scaled
from kerastl.media.image.settings import ImageContract, Percentiles
from kerastl.media.segments import WHOLE, Bounds

RULE_VERSION = ImageContract.newest_rule
MAX_PIXELS = 178_956_970  # where Pillow refuses by default
MAX_BYTES = 8 * MAX_PIXELS  # of a file: what its pixels take at most
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")  # a JPEG of several images opens as MPO

Intensity = tuple[float, float] | Percentiles | None

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
SIDEWAYS = (5, 6, 7, 8)
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"BM", b"GIF8")


class ImageDecoder(Decoder):
    """Decodes images to uint8 in [0, 255] as a contract says."""

    def __init__(self, contract: ImageContract):
        rule = {
            "modality": "image",
            "shape": list(contract.shape),
            "resize": contract.resize,
            "version": RULE_VERSION,
        }
        if contract.intensity is not None:
            rule["intensity"] = contract.model_dump(mode="json")["intensity"]
        super().__init__(np.uint8, rule)
        self._contract = contract

    def load(self, path: Path, segment: Bounds = WHOLE) -> DecodedExample:
        data = read_image_file(path)
        height, width = self._contract.shape[:2]
        image = decode_image(
            data,
            height=height,
            width=width,
            resize=self._contract.resize,
            intensity=self._contract.intensity,
            where=str(path),
        )
        return DecodedExample(values=image[np.newaxis], digest=hashlib.sha256(data).digest())

    def load_unfitted(self, path: Path, segment: Bounds = WHOLE) -> np.ndarray:
        height, width = self._contract.shape[:2]
        data, geometry = read_image_file(path), geometry_of(self._contract.resize)
        image = open_image(data, where=str(path))
        try:
            opened = _opened(image, data, (width, height), geometry, self._contract.intensity)
            return np.array(_upright(opened.image, opened.turn))
        except Exception as error:  # as in decode_image
            raise damaged("image", str(path), str(error)) from error

    def noise(self, count: int) -> np.ndarray:
        shape = (count, *self._contract.shape)
        return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def decode_image(
    data: bytes,
    *,
    height: int,
    width: int,
    resize: str = "stretch",
    intensity: Intensity = None,
    where: str = "bytes",
) -> np.ndarray:
    """Returns an image as RGB, uint8 in [0, 255], shape `(height, width, 3)`.

    `intensity` is the range of values of a gray image of more than 8 bits; None is its high byte.

    Raises:
        MediaError: It is truncated, damaged, too large or not an image; `where` names the file.
    """
    geometry = geometry_of(resize)
    image = open_image(data, where=where)
    try:
        opened = _opened(image, data, (width, height), geometry, intensity)
        return np.array(_fitted(opened, (width, height)))
    except Exception as error:
        # Pillow's decoders raise nearly anything on damaged bytes: OSError, SyntaxError, struct...
        raise damaged("image", where, str(error)) from error


def read_image_file(path: Path) -> bytes:
    """Returns the bytes of a file, or raises a `MediaError`."""
    try:
        require_regular(path)
        if path.stat().st_size > MAX_BYTES:
            raise _too_large(str(path))
        return path.read_bytes()
    except OSError as error:
        raise not_opened("image", path, error) from None


def open_image(data: bytes, *, where: str = "bytes") -> ImageFile.ImageFile:
    """Reads the header only: format, size and mode as Pillow names them."""
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large(where) from None
    except Exception as error:
        if data.startswith(_SIGNATURES):
            raise damaged("image", where, "its header cannot be read") from error
        received = f"bytes that start with {data[:12]!r}" if data else "an empty file"
        raise wrong_format("an image", where, "JPEG, PNG, WebP, BMP or GIF", received) from None
    if image.width * image.height > MAX_PIXELS:
        raise _too_large(where)
    return image


def verify_image(data: bytes, *, where: str = "bytes") -> ImageFile.ImageFile:
    """Decodes every pixel at full scale; `decode_image` refuses nothing that this accepts."""
    image = open_image(data, where=where)
    try:
        _load(image, data)
    except Exception as error:  # as in decode_image
        raise damaged("image", where, str(error)) from error
    return image


def _load(image: ImageFile.ImageFile, data: bytes) -> None:
    image.load()
    if damage := find_damage(image, data):
        raise OSError(damage)


def _too_large(where: str) -> MediaError:
    return MediaError(
        "The image is too large to be decoded safely.",
        where=where,
        expected=f"at most {MAX_PIXELS // 10**6} megapixels",
        fix="Scale it down first.",
    )


class _Opened(NamedTuple):
    """An image in memory before it is resized."""

    image: Image.Image  # large JPEGs at a reduced scale
    turn: int  # EXIF orientation
    inner: Size  # to which it is resized
    box: Box  # the part of it that is resized


def _opened(
    image: ImageFile.ImageFile, data: bytes, target: Size, geometry: Geometry, intensity: Intensity
) -> _Opened:
    raw_mode = image.tile[0][3] if image.tile else None
    turn = orientation(image)  # loads the whole file if it is a PNG
    stored_target = target[::-1] if turn in SIDEWAYS else target
    stored_size = image.size
    inner, box = geometry(stored_size, stored_target)
    extent = _draft(image, inner, box)
    _load(image, data)
    drafted_box = _rescaled(box, stored_size, extent)
    return _Opened(_opaque(image, raw_mode, intensity), turn, inner, drafted_box)


def _fitted(opened: _Opened, target: Size) -> Image.Image:
    resized = opened.image.resize(opened.inner, Image.Resampling.BILINEAR, box=opened.box)
    return pad_to(_upright(resized, opened.turn), target)


def _upright(image: Image.Image, turn: int) -> Image.Image:
    return _in_mode(image.transpose(_TURNS[turn]) if turn in _TURNS else image, "RGB")


def orientation(image: Image.Image) -> int:
    """Returns the EXIF orientation, 1 to 8."""
    try:
        return image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # a broken EXIF block does not break the image: it counts as upright
        return 1


def _draft(image: Image.Image, inner: Size, box: Box) -> tuple[float, float]:
    """Asks a JPEG for a reduced decode; returns the image's exact extent in reduced pixels."""
    needed = (
        math.ceil(_DRAFT_GAP * inner[0] * image.width / (box[2] - box[0])),
        math.ceil(_DRAFT_GAP * inner[1] * image.height / (box[3] - box[1])),
    )
    drafted = image.draft(None, needed)
    return drafted[1][2:] if drafted else image.size


def _rescaled(box: Box, size: Size, extent: tuple[float, float]) -> Box:
    scale_x, scale_y = extent[0] / size[0], extent[1] / size[1]
    right, bottom = min(box[2] * scale_x, extent[0]), min(box[3] * scale_y, extent[1])
    return box[0] * scale_x, box[1] * scale_y, right, bottom


def _opaque(image: Image.Image, raw_mode: object, intensity: Intensity) -> Image.Image:
    """Returns the image in mode L or RGB, 8 bits, transparency composited onto white."""
    if is_deep(image) and intensity is not None:
        gray = np.asarray(image)
        values = scaled(gray, intensity)
        values[gray == image.info.get("transparency", -1)] = 255
        return Image.fromarray(values)
    if is_deep(image):
        image = _eight_bits(image)
    elif "transparency" in image.info:
        image.info["transparency"] = _rescaled_key(image.info["transparency"], raw_mode)
    if image.has_transparency_data:
        layered = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(layered, mask=layered.getchannel("A"))
        return white
    return _in_mode(image, "L" if image.mode in ("1", "L") else "RGB")


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    return image if image.mode == mode else image.convert(mode)  # convert always copies


def _eight_bits(image: Image.Image) -> Image.Image:
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
