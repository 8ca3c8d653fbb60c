"""DICOM is read as pydicom's own functions read it, once."""

import base64
import io
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mutations import damaged
from PIL import Image

from kerastl.errors import MediaError
from kerastl.media.image.inspection import inspect_image, summarize_images, usual_range
from kerastl.media.image.kind import IMAGE
from kerastl.media.image.settings import ImageSettings
from kerastl_runtime.image.decoding import decode_image
from kerastl_runtime.media_file import as_file

pydicom = pytest.importorskip("pydicom", reason="needs pydicom: pip install 'kerastl[dicom]'")
from pydicom.data import get_testdata_file  # noqa: E402  # after the skip
from pydicom.pixels import apply_modality_lut, apply_voi_lut, pixel_array  # noqa: E402
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless  # noqa: E402

WINDOWED = ("MR_small.dcm", "MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "examples_overlay.dcm")
PLAIN = ("CT_small.dcm", "image_dfl.dcm", "rtdose_1frame.dcm", "liver_1frame.dcm")
COLOR = (
    *("SC_rgb_rle.dcm", "SC_rgb_jpeg_dcmtk.dcm", "SC_ybr_full_422_uncompressed.dcm"),
    *("examples_ybr_color.dcm", "examples_jpeg2k.dcm"),
)


def file(name: str) -> Path:
    return Path(str(get_testdata_file(name, download=False)))


def decoded(data: bytes, **how: Any) -> np.ndarray:
    """All pixels, at their own size."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    return decode_image(data, height=dataset.Rows, width=dataset.Columns, where="a.dcm", **how)


def between(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.rint(((values.astype(float) - low) / (high - low)).clip(0, 1) * 255)


def made(values: np.ndarray, **changes: Any) -> bytes:
    """A small gray file of 12 bits, with these elements of its header."""
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    dataset.SOPInstanceUID = pydicom.uid.generate_uid(entropy_srcs=["kerastl"])
    dataset.Rows, dataset.Columns = values.shape[-2:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    if values.ndim == 3:
        dataset.NumberOfFrames = len(values)
    dataset.PixelData = values.astype(np.uint16).tobytes()
    syntax = changes.pop("TransferSyntaxUID", None)
    for name, value in changes.items():
        setattr(dataset, name, value)
    if syntax is not None:
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.PixelData = pydicom.encaps.encapsulate([b"\0" * 16])
        dataset["PixelData"].VR = "OB"
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


def ramp() -> np.ndarray:
    return np.arange(64).reshape(8, 8) * 64


@pytest.mark.parametrize("name", WINDOWED)
def test_a_window_is_applied_as_pydicom_does(name: str) -> None:
    dataset = pydicom.dcmread(file(name))
    shown = apply_voi_lut(apply_modality_lut(pixel_array(dataset), dataset), dataset)
    ends = 2**dataset.BitsStored * np.array([0.0, 1.0]) - [0, 1]
    if dataset.PixelRepresentation:
        ends -= 2 ** (dataset.BitsStored - 1)
    found = decoded(file(name).read_bytes(), intensity=(0.0, 1.0))
    np.testing.assert_array_equal(found[..., 0], between(shown, *ends))


@pytest.mark.parametrize("name", PLAIN)
def test_values_without_a_window_are_those_after_the_modality_lut(name: str) -> None:
    dataset = pydicom.dcmread(file(name))
    values = apply_modality_lut(pixel_array(dataset), dataset)
    first = -(2 ** (dataset.BitsStored - 1)) if dataset.PixelRepresentation else 0
    ends = apply_modality_lut(np.array([first, first + 2**dataset.BitsStored - 1]), dataset)
    found = decoded(file(name).read_bytes())[..., 0]
    assert np.abs(found - between(values, *ends)).max() <= (1 if dataset.BitsStored == 32 else 0)
    if dataset.BitsStored > 8:
        found = decoded(file(name).read_bytes(), intensity=(-160.0, 2240.0))[..., 0]
        assert np.abs(found - between(values, -160, 2240)).max() <= 1


@pytest.mark.parametrize("name", COLOR)
def test_color_is_that_of_pydicom(name: str) -> None:
    dataset = pydicom.dcmread(file(name))
    np.testing.assert_array_equal(decoded(file(name).read_bytes()), pixel_array(dataset, index=0))


def test_a_voi_lut_comes_before_the_window_and_fills_black_to_white() -> None:
    lut = pydicom.Dataset()
    lut.LUTDescriptor = [4096, 0, 10]
    lut.add_new("LUTData", "OW", (np.arange(4096, dtype=np.uint16) // 8).tobytes())
    data = made(ramp(), VOILUTSequence=[lut], WindowCenter=10, WindowWidth=2)
    np.testing.assert_array_equal(decoded(data)[..., 0], between(ramp() // 8, 0, 1023))


@pytest.mark.parametrize("intent", ["FOR PRESENTATION", "FOR PROCESSING"])
def test_a_window_is_applied_once_whatever_the_file_is_for(intent: str) -> None:
    data = made(ramp(), WindowCenter=2048, WindowWidth=1024, PresentationIntentType=intent)
    usual = decoded(data)[..., 0]
    np.testing.assert_array_equal(usual, between(ramp(), 2047.5 - 511.5, 2047.5 + 511.5))
    np.testing.assert_array_equal(decoded(data, intensity=(0.0, 500.0))[..., 0], usual)


def test_the_window_can_be_switched_off() -> None:
    data = made(ramp(), WindowCenter=2048, WindowWidth=64)
    contract = IMAGE.make_contract(
        (8, 8, 3),
        ImageSettings(intensity=(0.0, 4095.0), dicom_window=False),
        None,
        backbone="tiny:image",
    )
    decoder = IMAGE.decoder(contract)
    assert decoder.rule["dicom_window"] is False
    found = decoded(data, intensity=(0.0, 4095.0), dicom_window=False)
    np.testing.assert_array_equal(found[..., 0], between(ramp(), 0, 4095))


def test_monochrome1_is_inverted_once() -> None:
    changes = {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"}
    for window in ({}, {"WindowCenter": 2048, "WindowWidth": 1024}):
        inverted, usual = (decoded(made(ramp(), **window, **more)) for more in (changes, {}))
        np.testing.assert_array_equal(inverted, 255 - usual)


def test_a_frame_has_its_own_window_in_an_enhanced_image() -> None:
    groups = []
    for center in (1024, 3072):
        voi, group = pydicom.Dataset(), pydicom.Dataset()
        voi.WindowCenter, voi.WindowWidth = center, 1024
        group.FrameVOILUTSequence = [voi]
        groups.append(group)
    data = made(np.stack([ramp(), ramp()]), PerFrameFunctionalGroupsSequence=groups)
    for frame, center in enumerate((1023.5, 3071.5)):
        found = decoded(data, cut=(*[None] * 4, float(frame)))[..., 0]
        np.testing.assert_array_equal(found, between(ramp(), center - 511.5, center + 511.5))


def test_a_frame_and_a_region_are_cut_out() -> None:
    data = made(np.stack([ramp(), ramp()[::-1]]))
    whole = decoded(data, cut=(*[None] * 4, 1.0))
    part = decode_image(data, height=4, width=3, cut=(2.0, 1.0, 3.0, 4.0, 1.0))
    np.testing.assert_array_equal(part, whole[1:5, 2:5])
    with pytest.raises(MediaError, match="no frame 2") as caught:
        decoded(data, cut=(*[None] * 4, 2.0))
    assert caught.value.parts["expected"] == "0 to 1"


def refused(data: bytes) -> MediaError:
    with pytest.raises(MediaError) as caught:
        decode_image(data, height=8, width=8, where="a.dcm")
    assert caught.value.parts["where"] == "a.dcm"
    assert "\n" not in str(caught.value.parts["received"])
    return caught.value


def test_what_is_not_read_is_refused_with_the_reason(monkeypatch) -> None:
    palette = refused(file("examples_palette.dcm").read_bytes())
    assert palette.parts["received"] == ("a DICOM of the photometric interpretation PALETTE COLOR")
    no_image = refused(file("rtplan.dcm").read_bytes())
    assert no_image.parts["received"] == "a DICOM without pixels: RT Plan Storage"
    truncated = refused(file("MR_truncated.dcm").read_bytes())
    assert truncated.what == "The image is truncated or damaged."
    garbage = refused(made(ramp())[:300])
    assert garbage.what in ("The image is truncated or damaged.", palette.what)
    large = made(ramp())
    monkeypatch.setattr("kerastl_runtime.image.opening.MAX_PIXELS", 63)
    assert refused(large).what == "The image is too large to be decoded safely."


def test_damaged_files_are_refused_and_nothing_else_happens(tmp_path: Path) -> None:
    draw = random.Random(0)
    names = (*WINDOWED, "CT_small.dcm", "SC_rgb_rle.dcm", "image_dfl.dcm", "SC_rgb_jpeg.dcm")
    files = [file(name).read_bytes() for name in names] + [made(np.stack([ramp(), ramp()]))]
    num_refused = 0
    for _ in range(300):
        data = damaged(draw.choice(files), draw)
        (tmp_path / "a.dcm").write_bytes(data)
        try:
            decode_image(data, height=8, width=8, cut=draw.choice([(), (1, 1, 3, 3, None)]))
            inspect_image(tmp_path / "a.dcm")
        except MediaError:
            num_refused += 1
    assert 30 < num_refused < 300


def test_a_deflated_file_that_becomes_too_large_is_refused(monkeypatch) -> None:
    monkeypatch.setattr("kerastl_runtime.image.dicom._MOST_INFLATED", 10_000)
    honest = file("image_dfl.dcm").read_bytes()
    assert "inflates to more than" in str(refused(honest))
    lying = honest[:140] + b"\0\0\0\0" + honest[144:]  # the length of the meta elements
    assert "inflates to more than" in str(refused(lying))


def test_a_missing_decoder_is_named_with_what_to_install(monkeypatch) -> None:
    data = made(ramp(), TransferSyntaxUID=JPEGLSLossless)
    decoder = pydicom.pixels.get_decoder(JPEGLSLossless)
    monkeypatch.setattr(decoder, "_available", {})
    missing = refused(data)
    assert str(missing) == (
        "The pixels of the DICOM cannot be decompressed.\n"
        "  where:    a.dcm\n"
        "  received: JPEG-LS Lossless Image Compression, whose decoder is not installed\n"
        "  fix:      pip install 'kerastl[dicom]'; for JPEG Lossless also pylibjpeg-libjpeg, whose "
        "license is GPL-3.0"
    )


def test_a_floating_range_comes_from_the_values_of_a_table(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(made(ramp(), RescaleSlope=1, RescaleIntercept=-1024))
    assert usual_range([as_file(tmp_path / "a.dcm")]) == (-1024, 3008)
    (tmp_path / "b").write_bytes(made(ramp() // 2, WindowCenter=2048, WindowWidth=1024))
    assert usual_range([as_file(tmp_path / "b")]) is None
    assert usual_range([as_file(tmp_path / "b")], dicom_window=False) == (0, 4095)


def test_the_check_names_depth_windows_and_frames(tmp_path: Path) -> None:
    files = {
        "a.dcm": made(ramp()),
        "b.dcm": made(ramp(), WindowCenter=9000, WindowWidth=10),
        "c.dcm": made(np.stack([ramp(), ramp()])),
        "d.dcm": made(ramp() * 0 + 7),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    paths = [tmp_path / name for name in files]
    summary = summarize_images(
        paths, [inspect_image(path) for path in paths], has_cuts=False, settings=ImageSettings()
    )
    assert summary.lines() == [
        "Images:   DICOM MONOCHROME2 12 bits 4",
        "Sizes:    8 x 8 to 8 x 8 pixels, median 8 x 8",
        "Depth:    gray values 0 to 4,032, 12 of 16 bits",
        "Windows:  in 1 DICOM",
    ]
    assert summary.warnings() == [
        "1 image is of a single color.",
        "1 image is nearly black; data.intensity says which values become white.",
        "1 image is of several frames, of which the first is read; a column called frame names "
        "another.",
    ]


def test_a_report_shows_a_dicom(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(made(ramp()))
    preview = IMAGE.preview(tmp_path / "a.dcm", ())
    assert preview.uri is not None
    assert Image.open(io.BytesIO(base64.b64decode(preview.uri.partition(",")[2])))
