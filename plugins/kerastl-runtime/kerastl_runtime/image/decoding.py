"""The one rule from the bytes of an image to its array, with Pillow as the reference.

Convention: `RULE_VERSION` names the rule. Any change that alters a single value raises it, and it
is part of every cache key and bundle. Version 1:

1. **Formats**: JPEG, PNG, WebP, BMP, GIF, TIFF and DICOM; of a GIF, WebP, TIFF or DICOM the first
   frame, or the one that the column `frame` names. What is particular to DICOM is in `dicom`.
2. **Depth**: gray values of more than 8 bits, floats included, are scaled from the range that the
   contract states to 0 to 255 and rounded, so that they are what the same image has in 8 bits.
   Without a range, floats are refused, and integers of a PNG become 8 bits by the high byte, those
   of a TIFF from 0 to 65535. In color, 16 bits become 8 by the high byte, as Pillow and libpng do
   it, which is less than one level (of 255) below exact scaling.
3. **Color**: RGB. Gray is repeated in three channels; CMYK and YCCK JPEGs are read as inverted, as
   Adobe writes them. ICC profiles are ignored, as in the pipelines that published backbones were
   trained with.
4. **Transparency** is composited onto white: what is drawn on nothing is most often dark, and the
   colors hidden below full transparency are arbitrary.
5. **Region**: `x`, `y`, `width` and `height` cut an example out of the upright image to whole
   pixels, before it is resized, so that nothing around it is seen.
6. **Resizing**: bilinear with antialiasing (`Image.Resampling.BILINEAR`). `stretch` fills the
   target; `pad` keeps the proportions on black; `crop` keeps them and cuts the center.
7. **Orientation**: the EXIF flag (1 to 8) turns the resized image.
8. **Large JPEGs** are decoded at 1/2, 1/4 or 1/8 as long as twice the target's pixels remain in
   each direction of the region. Against the full decode photographs change by about half a level
   on average and by less than 20 of 255 at any pixel; white noise by less.

A truncated or damaged file is an error; it never becomes an image whose rest is gray.
"""

import errno
import hashlib
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from kerastl_runtime.decoder import WHOLE, Cut, DecodedExample, Decoder
from kerastl_runtime.file_errors import as_damage, not_opened
from kerastl_runtime.image.dicom import is_dicom
from kerastl_runtime.image.geometry import Box, Geometry, Size, geometry_of, pad_to
from kerastl_runtime.image.intensity import Scaling, eight_bits, in_mode
from kerastl_runtime.image.opening import (
    MAX_PIXELS,
    load_image,
    open_dicom,
    open_image,
    orientation,
    too_large,
    upright_size,
)
from kerastl_runtime.image.regions import SIDEWAYS, box_of, frame_of, stored_box
from kerastl_runtime.input_contract import ImageContract, Intensity, Percentiles
from kerastl_runtime.media_file import MediaFile, as_file

RULE_VERSION = ImageContract.newest_rule
MAX_BYTES = 8 * MAX_PIXELS  # of a file: what its pixels take at most
_DRAFT_GAP = 2  # pixels that stay for each pixel of the target, in each direction
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


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
            ends = list(contract.intensity)
            is_relative = isinstance(contract.intensity, Percentiles)
            rule["intensity"] = {"percentiles": ends} if is_relative else ends
        if not contract.dicom_window:
            rule["dicom_window"] = False
        super().__init__(np.uint8, rule)
        self._contract = contract

    def load(self, file: MediaFile, cut: Cut = WHOLE) -> DecodedExample:
        data = read_image_file(file)
        height, width = self._contract.shape[:2]
        image = decode_image(
            data,
            cut=cut,
            height=height,
            width=width,
            resize=self._contract.resize,
            intensity=self._contract.intensity,
            dicom_window=self._contract.dicom_window,
            where=str(file),
        )
        return DecodedExample(values=image[np.newaxis], digest=hashlib.sha256(data).digest())

    def load_unfitted(self, file: MediaFile, cut: Cut = WHOLE) -> np.ndarray:
        contract, (height, width) = self._contract, self._contract.shape[:2]
        data, geometry = read_image_file(file), geometry_of(contract.resize)
        scaling = Scaling(contract.intensity, contract.dicom_window)
        with as_damage("image", str(file)):
            opened = _opened(data, cut, (width, height), geometry, scaling, str(file))
            if opened.is_reduced:  # whole pixels of the file can no longer be told apart
                return self.load(file, cut).values[0]
            return np.array(_upright(opened.image, opened.turn))

    def noise(self, count: int) -> np.ndarray:
        shape = (count, *self._contract.shape)
        return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def decode_image(
    data: bytes,
    *,
    height: int,
    width: int,
    resize: str = "stretch",
    cut: Cut = WHOLE,
    intensity: Intensity = None,
    dicom_window: bool = True,
    where: str = "bytes",
) -> np.ndarray:
    """Returns an image as RGB, uint8 in [0, 255], shape `(height, width, 3)`.

    `cut` is a region and a frame; `intensity` and `dicom_window` are as in the contract.

    Raises:
        MediaError: It is truncated, damaged, too large or not an image; `where` names the file.
    """
    target, geometry = (width, height), geometry_of(resize)
    with as_damage("image", where):
        scaling = Scaling(intensity, dicom_window)
        opened = _opened(data, cut, target, geometry, scaling, where)
        resized = opened.image.resize(opened.inner, Image.Resampling.BILINEAR, box=opened.box)
        return np.array(pad_to(_upright(resized, opened.turn), target))


def read_image_file(file: MediaFile | Path) -> bytes:
    """Returns the bytes of a file, or raises a `MediaError`."""
    file = as_file(file)
    try:
        return file.read(MAX_BYTES)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise too_large(str(file)) from None
        raise not_opened("image", file, error) from None


class _Opened(NamedTuple):
    """An image in memory before it is resized."""

    image: Image.Image  # large JPEGs at a reduced scale
    turn: int  # EXIF orientation
    inner: Size  # to which it is resized
    box: Box  # the part of it that is resized
    is_reduced: bool = False  # decoded at a reduced scale


def _opened(
    data: bytes, cut: Cut, target: Size, geometry: Geometry, scaling: Scaling, where: str
) -> _Opened:
    frame, has_region = frame_of(cut), bool(cut) and cut[0] is not None
    if is_dicom(data):
        pixels = open_dicom(data, frame=frame, where=where).eight_bits(scaling)
        region = box_of(cut, pixels.size, where=where)
        opened = _Opened(pixels, 1, *_in_region(geometry, region, target))
        return _cropped(opened, region) if has_region else opened
    image = open_image(data, frame=frame, where=where)
    raw_mode = image.tile[0][3] if image.tile else None
    turn = orientation(image)  # loads the whole file if it is a PNG
    stored_size = image.size
    region = stored_box(box_of(cut, upright_size(image), where=where), upright_size(image), turn)
    inner, box = _in_region(geometry, region, target[::-1] if turn in SIDEWAYS else target)
    extent = _draft(image, inner, box)
    load_image(image, data, frame=frame, where=where)
    pixels = eight_bits(image, raw_mode, scaling.intensity, where=where)
    rescaled = _rescaled(box, stored_size, extent)
    opened = _Opened(pixels, turn, inner, rescaled, is_reduced=extent != stored_size)
    return _cropped(opened, _rescaled(region, stored_size, extent)) if has_region else opened


def _in_region(geometry: Geometry, region: Box, target: Size) -> tuple[Size, Box]:
    """Returns a geometry's size of the result and its source within the whole image."""
    left, top, right, bottom = region
    inner, box = geometry((round(right - left), round(bottom - top)), target)
    return inner, (box[0] + left, box[1] + top, box[2] + left, box[3] + top)


def _cropped(opened: _Opened, region: Box) -> _Opened:
    """Cuts a region out, so that resizing does not look at pixels around it."""
    left, top = math.floor(region[0]), math.floor(region[1])
    outer = (left, top, math.ceil(region[2]), math.ceil(region[3]))
    box = opened.box[0] - left, opened.box[1] - top, opened.box[2] - left, opened.box[3] - top
    return opened._replace(image=opened.image.crop(outer), box=box)


def _upright(image: Image.Image, turn: int) -> Image.Image:
    return in_mode(image.transpose(_TURNS[turn]) if turn in _TURNS else image, "RGB")


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
