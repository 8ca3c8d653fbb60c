"""DICOM files with damaged bytes and headers: decoded to uint8, twice the same, or refused."""

import io
import random
from pathlib import Path
from typing import Any

import numpy as np
from mutations import JUNK, damaged
from runner import Kind, Use, WrongNumberError

from kerastl_importers.dicom import table_from_dicom
from kerastl_runtime.image.decoding import decode_image

_NAMES = (
    *(
        "CT_small.dcm",
        "MR_small.dcm",
        "MR_small_RLE.dcm",
        "MR_small_jp2klossless.dcm",
        "image_dfl.dcm",
    ),
    *(
        "SC_rgb_rle.dcm",
        "SC_rgb_jpeg_dcmtk.dcm",
        "rtdose_1frame.dcm",
        "SC_ybr_full_422_uncompressed.dcm",
    ),
)
_KEYS = (
    *(
        "Rows",
        "Columns",
        "SamplesPerPixel",
        "BitsAllocated",
        "BitsStored",
        "HighBit",
        "NumberOfFrames",
    ),
    *("PixelRepresentation", "PhotometricInterpretation", "RescaleSlope", "RescaleIntercept"),
    *("WindowCenter", "WindowWidth", "PlanarConfiguration", "PatientID", "VOILUTFunction"),
)
_VALUES = (0, 1, 7, 8, 16, 12, 65535, -1, 1e30, "MONOCHROME1", "RGB", "x", "", [1, 2], 2**31, None)


def _prepare(_: Path) -> Use:
    import pydicom
    from pydicom.data import get_testdata_file

    contents = [Path(str(get_testdata_file(name, download=False))).read_bytes() for name in _NAMES]

    def use(draw: random.Random, place: Path) -> bool:
        data = draw.choice(contents)
        if draw.random() < 0.5:
            data = _with_other_elements(pydicom, data, draw)
        if draw.random() < 0.6:
            data = (
                _near_the_header(data, draw) if draw.random() < 0.6 else damaged(data, draw) or data
            )
        path = place / "files" / "a.dcm"
        path.parent.mkdir()
        path.write_bytes(data)
        how: dict[str, Any] = {"height": draw.choice((1, 33)), "width": 20}
        how["intensity"] = draw.choice((None, (0.0, 1.0), (-160.0, 240.0)))
        how["dicom_window"] = draw.random() < 0.7
        found = [decode_image(data, where="a.dcm", **how) for _ in range(2)]
        if found[0].shape != (how["height"], 20, 3) or found[0].dtype != np.uint8:
            raise WrongNumberError(f"{found[0].shape} {found[0].dtype}")
        if not np.array_equal(*found):
            raise WrongNumberError("two readings differ")
        table_from_dicom(path.parent, relative_to=place)
        return True

    return use


def _with_other_elements(pydicom: Any, data: bytes, draw: random.Random) -> bytes:
    """Returns a file with other values in its header, as far as pydicom writes them."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    for _ in range(draw.choice((1, 2, 3))):
        value = draw.choice((*_VALUES, *(x for x in JUNK if isinstance(x, str))))
        try:
            setattr(dataset, draw.choice(_KEYS), value)
            stream = io.BytesIO()
            pydicom.dcmwrite(stream, dataset)
            data = stream.getvalue()
        except Exception:
            return data
    return data


def _near_the_header(data: bytes, draw: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 4))):
        changed[draw.randrange(128, min(len(data), 1500))] = draw.randrange(256)
    return bytes(changed)


KINDS = (Kind(name="dicom", prepare=_prepare),)
