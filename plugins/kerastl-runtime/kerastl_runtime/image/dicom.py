"""DICOM: from the bytes of a file to gray or color, by pydicom.

Convention, part of the rule of `decoding`:

1. **Modality**: gray values are those after the modality LUT or the rescale slope and intercept,
   such as Hounsfield units.
2. **One window**: if the file has a VOI LUT (the first one) or else a window (the first one), it is
   applied, and what it makes of the values fills black to white; `data.intensity` is not applied
   on top of it. Images "FOR PRESENTATION" are no exception: by PS3.4 N.2, their stored values are
   those before the VOI transformation, and it is applied once. Presentation states are files of
   their own and are not looked for. Overlays are not drawn.
3. **No window**, or `data.dicom_window: false`: gray values of more than 8 bits are scaled as those
   of other images; without a range, from the smallest to the largest value of the bits stored.
4. **MONOCHROME1** is inverted at the end, once. `Presentation LUT Shape` is not read: it is INVERSE
   in files of MONOCHROME1.
5. **Color**: RGB, and YBR as pydicom converts it to RGB, by the bits stored. Palettes and others
   are refused.
"""

import io
import warnings
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from kerastl_runtime.errors import MediaError
from kerastl_runtime.file_errors import as_damage, damaged, wrong_format
from kerastl_runtime.image.intensity import Scaling, no_range, scaled
from kerastl_runtime.image.regions import no_such_frame

if TYPE_CHECKING:
    from pydicom import Dataset

_INSTALL = "pip install 'kerastl[dicom]'"
_INSTALL_DECODER = f"{_INSTALL}; for JPEG Lossless also pylibjpeg-libjpeg, whose license is GPL-3.0"
_META = 132  # bytes before the meta elements
_LONG = (b"OB", b"OW", b"OF", b"SQ", b"UN", b"UT", b"UC", b"UR")  # with lengths of four bytes
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_MOST_INFLATED = 2**29  # bytes
_CONVERT = "Convert it to another transfer syntax, or remove its row from the table."
_GRAY = ("MONOCHROME1", "MONOCHROME2")
_COLOR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_FRAME_GROUPS = ("PixelValueTransformationSequence", "FrameVOILUTSequence")


def is_dicom(data: bytes) -> bool:
    """Whether a file begins as DICOM does: with a preamble of 128 bytes."""
    return data[128:132] == b"DICM"


def read_header(data: bytes, *, where: str) -> "Dataset":
    """Returns the dataset of a file, whose pixels are still encoded.

    Raises:
        MediaError: It is damaged, has no pixels, or pydicom is missing.
    """
    try:
        import pydicom
    except ImportError:
        raise MediaError(
            "The image is DICOM, which needs the package pydicom.", where=where, fix=_INSTALL
        ) from None
    # Headers with odd values are common, and what matters of them is checked here.
    warnings.filterwarnings("ignore", module="pydicom")
    with as_damage("image", where):
        _refuse_bomb(data)
        dataset = pydicom.dcmread(io.BytesIO(data))
        kind = dataset.get("SOPClassUID")
        has_extent = min(int(dataset.get(name) or 0) for name in ("Rows", "Columns")) > 0
        has_pixels = has_extent and any(name in dataset for name in _PIXELS)
    if not has_pixels:
        name = getattr(kind, "name", kind)
        received = f"a DICOM without pixels: {'of no known class' if name == kind else name}"
        raise wrong_format("an image", where, "a DICOM with pixels", received)
    return dataset


def _refuse_bomb(data: bytes) -> None:
    """Refuses a deflated file, the header included, that becomes too large to be read safely."""
    meta_end = _end_of_meta(data)
    if _DEFLATED not in data[_META:meta_end]:
        return
    inflating = zlib.decompressobj(-zlib.MAX_WBITS)
    inflating.decompress(data[meta_end:], _MOST_INFLATED)
    if inflating.unconsumed_tail:
        raise ValueError(f"it inflates to more than {_MOST_INFLATED // 2**20:,} MiB")


def _end_of_meta(data: bytes) -> int:
    """Returns where the meta elements end, which may not be where the file says."""
    place = _META
    while data[place : place + 2] == b"\x02\0":
        is_long = data[place + 4 : place + 6] in _LONG
        length = data[place + 8 : place + 12] if is_long else data[place + 6 : place + 8]
        place += (12 if is_long else 8) + int.from_bytes(length, "little")
    return place


@dataclass(frozen=True, kw_only=True)
class DicomImage:
    """One frame of a DICOM, decoded."""

    values: np.ndarray  # gray: after the modality LUT, `(height, width)`; or RGB
    dataset: "Dataset"
    where: str

    @property
    def mode(self) -> str:
        """Photometric interpretation and depth."""
        bits = self.dataset.get("BitsStored")
        return f"{self.dataset.PhotometricInterpretation} {f'{bits} bits' if bits else 'floats'}"

    @property
    def is_deep(self) -> bool:
        """Whether it is gray with more than 8 bits."""
        return self.values.ndim == 2 and (self.dataset.get("BitsStored") or 32) > 8

    @property
    def is_inverted(self) -> bool:
        """Whether low values are bright."""
        return bool(self.dataset.PhotometricInterpretation == "MONOCHROME1")

    @property
    def num_frames(self) -> int:
        """Number of frames in the file."""
        return int(self.dataset.get("NumberOfFrames") or 1)

    @property
    def has_window(self) -> bool:
        """Whether it has a VOI LUT or a window."""
        window = self.dataset.get("WindowCenter"), self.dataset.get("WindowWidth")
        return bool(self.dataset.get("VOILUTSequence")) or None not in window

    def eight_bits(self, scaling: Scaling) -> Image.Image:
        """Returns it in mode L or RGB."""
        ends = self._ends()
        if self.values.ndim == 3:
            return Image.fromarray(scaled(self.values, ends or (0.0, 255.0)))
        if self.has_window and scaling.dicom_window:
            levels = self._windowed(ends)
        elif self.is_deep and scaling.intensity is not None:
            levels = scaled(self.values, scaling.intensity)
        elif ends is None:
            raise no_range(self.where)
        else:
            levels = scaled(self.values, (min(ends), max(ends)))
        return Image.fromarray(255 - levels if self.is_inverted else levels)

    def _windowed(self, ends: tuple[float, float] | None) -> np.ndarray:
        from pydicom.pixels import apply_voi_lut

        table = self.dataset.get("VOILUTSequence")
        if table:
            values = apply_voi_lut(np.rint(self.values).astype(np.int32), self.dataset)
            return scaled(values, (0.0, 2.0 ** table[0].LUTDescriptor[2] - 1))
        values, (black, white) = apply_voi_lut(self.values, self.dataset), ends or (0.0, 1.0)
        # With a negative slope, pydicom's window goes from the larger to the smaller end.
        sign = -1 if black > white else 1
        return scaled(sign * values, (sign * black, sign * white))

    def _ends(self) -> tuple[float, float] | None:
        """Returns what the modality LUT makes of the ends of the bits stored; None for floats."""
        from pydicom.pixels import apply_modality_lut

        bits = self.dataset.get("BitsStored")
        if bits is None:
            return None
        if table := self.dataset.get("ModalityLUTSequence"):
            return 0.0, 2.0 ** table[0].LUTDescriptor[2] - 1
        first = -(2 ** (bits - 1)) if self.dataset.get("PixelRepresentation") else 0
        ends = np.array([first, first + 2**bits - 1], np.int64)
        black, white = apply_modality_lut(ends, self.dataset).tolist()
        return float(black), float(white)


def decode_dicom(dataset: "Dataset", frame: int, *, where: str) -> DicomImage:
    """Returns a frame of a dataset with pixels; its extent is not limited here.

    Raises:
        MediaError: It is of another kind than gray, RGB and YBR, has no such frame, is damaged, or
            packages to decompress it are missing.
    """
    kind = " ".join(str(dataset.get("PhotometricInterpretation")).split())
    if kind not in (*_GRAY, *_COLOR):
        received = f"a DICOM of the photometric interpretation {kind}"
        raise wrong_format("an image", where, ", ".join((*_GRAY, *_COLOR)), received)
    num_frames = int(dataset.get("NumberOfFrames") or 1)
    if frame >= num_frames:
        raise no_such_frame(frame, num_frames, where=where)
    _require_decoder(dataset, where)
    from pydicom.pixels import apply_modality_lut, pixel_array

    with as_damage("image", where):
        try:
            values = pixel_array(dataset, index=frame)
        except RuntimeError as error:  # of all decoders
            raise _undecodable(dataset, str(error), _CONVERT, where) from None
        if kind in _GRAY:
            _flatten_frame_groups(dataset, frame)
            values = apply_modality_lut(values, dataset)
    return DicomImage(values=values, dataset=dataset, where=where)


def _require_decoder(dataset: "Dataset", where: str) -> None:
    from pydicom.pixels import get_decoder

    syntax = getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", None)
    if syntax is None:
        raise damaged("image", where, "its transfer syntax is not stated")
    try:
        is_available = not syntax.is_compressed or get_decoder(syntax).is_available
    except NotImplementedError:
        raise _undecodable(dataset, "of no known decoder", _CONVERT, where) from None
    if not is_available:
        raise _undecodable(dataset, "whose decoder is not installed", _INSTALL_DECODER, where)


def _undecodable(dataset: "Dataset", reason: str, fix: str, where: str) -> MediaError:
    return MediaError(
        "The pixels of the DICOM cannot be decompressed.",
        where=where,
        received=f"{dataset.file_meta.TransferSyntaxUID.name}, {' '.join(reason.split())}",
        fix=fix,
    )


def _flatten_frame_groups(dataset: "Dataset", frame: int) -> None:
    """Moves the rescaling and the window of a frame of an enhanced image to where others are."""
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    own = (dataset.get("PerFrameFunctionalGroupsSequence") or [])[frame : frame + 1]
    for groups in (*shared[:1], *own):
        for name in _FRAME_GROUPS:
            for item in (groups.get(name) or [])[:1]:
                dataset.update(item)
