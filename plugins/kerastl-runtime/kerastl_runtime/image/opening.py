"""From the bytes of a file to an opened image, and to its pixels as stored."""

import io

from PIL import (
    BmpImagePlugin,  # noqa: F401  # importing a plugin registers its format, once, before threads
    GifImagePlugin,  # noqa: F401
    Image,
    ImageFile,
    JpegImagePlugin,  # noqa: F401
    MpoImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    TiffImagePlugin,
    WebPImagePlugin,  # noqa: F401
)

from kerastl_runtime.errors import MediaError
from kerastl_runtime.file_errors import as_damage, damaged, wrong_format
from kerastl_runtime.image.dicom import DicomImage, decode_dicom, is_dicom, read_header
from kerastl_runtime.image.integrity import find_damage
from kerastl_runtime.image.regions import SIDEWAYS, no_such_frame

MAX_PIXELS = 178_956_970  # where Pillow refuses by default
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")  # a JPEG of several images opens as MPO
FORMATS_TEXT = "JPEG, PNG, WebP, BMP, GIF, TIFF or DICOM"

_WITH_FRAMES = ("GIF", "TIFF", "WEBP")
_ORIENTATION_TAG = 0x0112
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"BM", b"GIF8")
TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_TIFF_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "I", "F")  # and I;...


def open_image(data: bytes, *, frame: int = 0, where: str = "bytes") -> ImageFile.ImageFile:
    """Reads the header only: format, size and mode as Pillow names them; not of DICOM."""
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise too_large(where) from None
    except Exception as error:
        if data.startswith(_SIGNATURES):
            raise damaged("image", where, "its header cannot be read") from error
        received = f"bytes that start with {data[:12]!r}" if data else "an empty file"
        if data.startswith(TIFF_SIGNATURES):
            received = f"a TIFF that Pillow does not read: {_tiff_problem(data)}"
        raise wrong_format("an image", where, FORMATS_TEXT, received) from None
    if frame and image.format in _WITH_FRAMES:
        _seek(image, frame, where)
    if image.format == "TIFF" and image.mode.partition(";")[0] not in _TIFF_MODES:
        raise wrong_format("an image", where, FORMATS_TEXT, f"a TIFF of the mode {image.mode}")
    _refuse_too_large(image.width, image.height, where)
    return image


def open_dicom(data: bytes, *, frame: int = 0, where: str = "bytes") -> DicomImage:
    """Decodes a frame of a DICOM, or raises a `MediaError`."""
    dataset = read_header(data, where=where)
    _refuse_too_large(dataset.Columns, dataset.Rows, where)
    return decode_dicom(dataset, frame, where=where)


def image_size(data: bytes, *, frame: int = 0, where: str = "bytes") -> tuple[int, int]:
    """Returns width and height of an image as it is seen, from its header."""
    if is_dicom(data):
        dataset = read_header(data, where=where)
        return int(dataset.Columns), int(dataset.Rows)
    return upright_size(open_image(data, frame=frame, where=where))


def load_image(
    image: ImageFile.ImageFile, data: bytes, *, frame: int = 0, where: str = "bytes"
) -> None:
    """Decodes the pixels of an opened image, or raises a `MediaError`."""
    with as_damage("image", where):
        image.load()
        if damage := None if frame else find_damage(image, data):
            raise damaged("image", where, damage)


def orientation(image: Image.Image) -> int:
    """Returns the EXIF orientation, 1 to 8; Pillow turns a TIFF itself."""
    try:
        return 1 if image.format == "TIFF" else image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # a broken EXIF block does not break the image: it counts as upright
        return 1


def upright_size(image: ImageFile.ImageFile) -> tuple[int, int]:
    """Returns width and height of an opened image as it is seen."""
    return image.size[::-1] if orientation(image) in SIDEWAYS else image.size


def _seek(image: ImageFile.ImageFile, frame: int, where: str) -> None:
    with as_damage("image", where):
        try:
            image.seek(frame)
        except EOFError:
            raise no_such_frame(frame, getattr(image, "n_frames", 1), where=where) from None


def _tiff_problem(data: bytes) -> str:
    try:
        TiffImagePlugin.TiffImageFile(io.BytesIO(data))
    except Exception as error:
        return str(error) or type(error).__name__
    return "unknown"


def _refuse_too_large(width: int, height: int, where: str) -> None:
    if width * height > MAX_PIXELS:
        raise too_large(where)


def too_large(where: str) -> MediaError:
    """Returns the error of an image of too many pixels or bytes."""
    return MediaError(
        "The image is too large to be decoded safely.",
        where=where,
        expected=f"at most {MAX_PIXELS // 10**6} megapixels",
        fix="Scale it down first.",
    )
