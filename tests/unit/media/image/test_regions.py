"""Regions and frames: the part of an image file that an example is."""

import base64
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from kerastl.errors import MediaError
from kerastl.media.cuts import read_cuts
from kerastl.media.image.inspection import inspect_image
from kerastl.media.image.kind import IMAGE
from kerastl.media.image.settings import ImageContract
from kerastl_runtime.decoder import Cut
from kerastl_runtime.image.decoding import decode_image

COLUMNS = ("x", "y", "width", "height")


def noise(height: int = 60, width: int = 80) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def region(*numbers: float, frame: float | None = None) -> Cut:
    return (*numbers, frame)


def reasons(*rows: tuple) -> list[tuple[int, str, str]]:
    cuts = read_cuts(pd.DataFrame(rows, columns=[*COLUMNS, "frame"]), IMAGE, tasks=())
    return [] if cuts is None else [(bad.row, bad.column, bad.reason) for bad in cuts.bad_cells]


@pytest.mark.parametrize("resize", ["stretch", "pad", "crop"])
def test_a_region_is_decoded_as_the_file_that_contains_nothing_else(resize: str) -> None:
    pixels = noise()
    found = decode_image(png(pixels), height=16, width=24, resize=resize, cut=region(10, 5, 30, 40))
    alone = decode_image(png(pixels[5:45, 10:40]), height=16, width=24, resize=resize)
    np.testing.assert_array_equal(found, alone)


def test_fractions_and_pixels_name_the_same_region() -> None:
    pixels = png(noise())
    first, second = (
        decode_image(pixels, height=8, width=8, cut=cut)
        for cut in (region(0.25, 0.1, 0.5, 0.5), region(20, 6, 40, 30))
    )
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_region_is_that_of_the_image_as_it_is_seen(turn: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.fromarray(noise()).save(tmp_path / "a.png", exif=exif)
    data = (tmp_path / "a.png").read_bytes()
    size = (60, 80) if turn >= 5 else (80, 60)
    whole = decode_image(data, height=size[1], width=size[0])
    part = decode_image(data, height=20, width=10, cut=region(30, 15, 10, 20))
    np.testing.assert_array_equal(part, whole[15:35, 30:40])


def test_a_large_jpeg_is_reduced_only_as_far_as_its_region_allows() -> None:
    ramp = np.linspace(0, 255, 1024).astype(np.uint8)
    pixels = np.stack(
        [np.tile(ramp, (1024, 1)), np.tile(ramp, (1024, 1)).T, noise(1024, 1024)[..., 0] // 4], -1
    )
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=95)
    full = np.asarray(Image.open(io.BytesIO(stream.getvalue())).convert("RGB"))
    for side in (64, 333, 700):
        part = decode_image(
            stream.getvalue(), height=32, width=32, cut=region(101, 203, side, side)
        )
        expected = decode_image(png(full[203 : 203 + side, 101 : 101 + side]), height=32, width=32)
        assert np.abs(part.astype(int) - expected).mean() < 1.5
        assert np.abs(part.astype(int) - expected).max() < 20


@pytest.mark.parametrize("side", [60, 1000])
def test_an_exported_model_gets_the_same_region(side: int, tmp_path: Path) -> None:
    Image.fromarray(noise(side, side)).save(tmp_path / "a.jpg", quality=95)
    decoder = IMAGE.decoder(ImageContract(shape=(16, 16, 3)))
    cut = region(0.1, 0.2, 0.5, 0.6)
    fitted = decoder.load(tmp_path / "a.jpg", cut).values[0].astype(float)
    unfitted = Image.fromarray(decoder.load_unfitted(tmp_path / "a.jpg", cut))
    resized = np.asarray(unfitted.resize((16, 16), Image.Resampling.BILINEAR)).astype(float)
    assert np.abs(fitted - resized).max() <= (0 if side == 60 else 3)


def test_detectors_round_so_a_region_may_exceed_the_image_by_a_pixel() -> None:
    pixels = noise()
    found = decode_image(png(pixels), height=10, width=10, cut=region(70, 50, 11, 10))
    np.testing.assert_array_equal(found, pixels[50:60, 70:80])
    assert reasons((0.6037, 0.5, 0.3964, 0.5, "")) == []


@pytest.mark.parametrize("cut", [(80, 0, 5, 5), (0, 0, 82, 5), (5, 61, 5, 5)])
def test_a_region_outside_of_the_image_is_refused(cut: tuple[int, ...]) -> None:
    with pytest.raises(MediaError, match="region is outside") as caught:
        decode_image(png(noise()), height=4, width=4, cut=region(*cut))
    assert caught.value.parts["expected"] == "a part of 80 x 60 pixels"


def test_cells_that_make_no_region_are_named_with_their_reason() -> None:
    assert reasons((0, 0, 10, 10, ""), ("", "", "", "", "2"), ("", "", "", "", "")) == []
    assert reasons((0, 0, 10, 10, "1.5")) == [(0, "frame", "is not a whole number")]
    assert reasons((1, "", 10, 10, "")) == [(0, "y", "must be given, as the rest of the region is")]
    assert reasons((1, 2, 10, 0, "")) == [(0, "height", "is below 1 pixel")]
    assert reasons((1, 2, 10, "wide", "")) == [(0, "height", "is not a number of 0 or more")]
    assert reasons((0.5, 0, 0.7, 1, "")) == [(0, "width", "ends at 1.2, outside of the image")]
    assert reasons((0.5, 0, 0, 1, "")) == [(0, "width", "is not above 0")]
    assert reasons((5, 2, 10, 10, ""), (0.1, 0.2, 0.5, 0.5, "")) == [
        (1, "width", "makes a region in fractions of the image; that of row 1 is in pixels")
    ]


def test_columns_that_make_no_region_together_mean_nothing() -> None:
    sizes = pd.DataFrame({"width": [640], "height": [480], "x": [3]})
    assert read_cuts(sizes, IMAGE, tasks=()) is None
    assert read_cuts(pd.DataFrame({"frame": ["1"]}), IMAGE, tasks=("frame",)) is None


@pytest.mark.parametrize("extension", ["tif", "gif"])
def test_a_frame_is_chosen_by_its_index(extension: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{extension}"
    frames = [Image.fromarray(np.full((8, 8), level, np.uint8)) for level in (0, 100, 200)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    data = path.read_bytes()
    levels = [
        int(decode_image(data, height=4, width=4, cut=(*[None] * 4, frame))[0, 0, 0])
        for frame in (None, 0.0, 1.0, 2.0)
    ]
    assert levels == [0, 0, 100, 200]
    assert inspect_image(path).num_frames == 3
    assert inspect_image(path, (*[None] * 4, 1.0)).num_frames == 1
    with pytest.raises(MediaError, match="no frame 3"):
        decode_image(data, height=4, width=4, cut=(*[None] * 4, 3.0))


def test_in_a_file_that_cannot_have_frames_the_column_means_nothing() -> None:
    pixels = noise()
    found = decode_image(png(pixels), height=60, width=80, cut=(*[None] * 4, 17.0))
    np.testing.assert_array_equal(found, pixels)


def test_a_report_shows_the_region_in_the_whole_image(tmp_path: Path) -> None:
    Image.fromarray(np.full((60, 80, 3), 90, np.uint8)).save(tmp_path / "a.png")
    uri = IMAGE.preview(tmp_path / "a.png", region(20, 10, 40, 30)).uri
    assert uri is not None
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))
    assert shown.shape == (60, 80, 3)
    assert np.abs(shown[2:6, 2:6].astype(int) - 90).max() < 30  # its surroundings
    assert np.abs(shown[20:30, 30:50].astype(int) - 90).max() < 30
    assert shown[10:12, 25:55, 0].mean() > 150  # the outline
    assert IMAGE.cut_text(region(20, 10, 40, 30, frame=2)) == "40 x 30 at (20, 10), frame 2"
