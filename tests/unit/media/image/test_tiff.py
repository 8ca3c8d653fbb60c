"""TIFF: 8 and 16 bits, floats, inverted gray, and what is refused."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kerastl.errors import MediaError
from kerastl.media.image.inspection import inspect_image, summarize_images, usual_range
from kerastl.media.image.settings import ImageSettings
from kerastl_runtime.image.decoding import decode_image
from kerastl_runtime.image.encoding import encode_image
from kerastl_runtime.media_file import as_file

_BITS = b"\x02\x01\x03\0\x01\0\0\0"  # the tag BitsPerSample with one value


def tiff(pixels: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "TIFF", **options)
    return stream.getvalue()


def decoded(data: bytes, **how: Any) -> np.ndarray:
    return decode_image(data, height=10, width=10, where="a.tif", **how)


def ramp(dtype: Any, high: float) -> np.ndarray:
    return np.linspace(0, high, 100).reshape(10, 10).astype(dtype)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_deflate"])
def test_eight_bits_and_color_are_what_they_are_in_a_png(compression: str) -> None:
    gray = ramp(np.uint8, 255)
    color = np.stack([gray, gray.T, gray[::-1]], -1)
    for pixels in (gray, color):
        found = decoded(tiff(pixels, compression=compression))
        expected = pixels if pixels.ndim == 3 else np.stack([pixels] * 3, -1)
        np.testing.assert_array_equal(found, expected)


def test_sixteen_bits_are_scaled_by_the_range() -> None:
    data = tiff(ramp(np.uint16, 4095))
    expected = np.rint(ramp(np.uint16, 4095) / 4095 * 255)
    np.testing.assert_array_equal(decoded(data, intensity=(0.0, 4095.0))[..., 0], expected)
    assert decoded(data).max() == 16  # without a range, 0 to 65535


def test_floats_are_scaled_by_the_range_and_refused_without() -> None:
    data = tiff(ramp(np.float32, 40.0))
    found = decoded(data, intensity=(20.0, 40.0))[..., 0]
    assert (found[0].max(), found[-1, -1]) == (0, 255)
    with pytest.raises(MediaError, match="black and white is not known"):
        decoded(data)


def test_gray_whose_zero_is_white_is_inverted_at_any_depth() -> None:
    how = {"intensity": (0.0, 4095.0)}
    eight, sixteen = (ramp(dtype, high) for dtype, high in ((np.uint8, 255), (np.uint16, 4095)))
    # Pillow inverts 8 bits when it writes them.
    np.testing.assert_array_equal(decoded(tiff(eight, tiffinfo={262: 0})), decoded(tiff(eight)))
    inverted = decoded(tiff(sixteen, tiffinfo={262: 0}), **how)
    np.testing.assert_array_equal(inverted, 255 - decoded(tiff(sixteen), **how))


@pytest.mark.parametrize("turn", [1, 3, 6, 8])
def test_the_orientation_turns_it_once(turn: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    data = tiff(pixels, tiffinfo={274: turn})
    expected = np.rot90(pixels, {1: 0, 3: 2, 6: 3, 8: 1}[turn])
    height, width = expected.shape[:2]
    np.testing.assert_array_equal(decode_image(data, height=height, width=width), expected)
    part = decode_image(data, height=6, width=5, cut=(4, 3, 5, 6, None))
    np.testing.assert_array_equal(part, expected[3:9, 4:9])


def test_odd_kinds_are_refused_with_the_reason() -> None:
    lab = io.BytesIO()
    Image.new("LAB", (4, 4)).save(lab, "TIFF")
    with pytest.raises(MediaError) as caught:
        decoded(lab.getvalue())
    assert caught.value.parts["received"] == "a TIFF of the mode LAB"
    with pytest.raises(MediaError) as caught:
        decoded(
            tiff(ramp(np.uint8, 255)).replace(
                b"\x02\x01\x03\0\x01\0\0\0\x08\0", b"\x02\x01\x03\0\x01\0\0\0\x05\0"
            )
        )
    assert caught.value.parts["received"] == "a TIFF that Pillow does not read: unknown pixel mode"
    with pytest.raises(MediaError, match="truncated or damaged"):
        decoded(tiff(np.zeros((60, 60), np.uint8))[:900])


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (ramp(np.uint16, 3000), (0, 4095)),
        (ramp(np.float32, 0.7), (0, 1)),
        (ramp(np.float32, 1), (0, 1)),
        (ramp(np.float32, 37.5) - 5, (-5, 32.5)),
        (ramp(np.uint8, 200), None),
    ],
)
def test_the_range_of_a_table_is_that_of_its_files(pixels, expected, tmp_path) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(pixels))
    assert usual_range([as_file(tmp_path / "a.tif")]) == expected


def test_the_check_names_depth_floats_and_deep_color(tmp_path) -> None:
    color = np.zeros((4, 4, 3), np.uint8)
    header = tiff(ramp(np.uint16, 3000)), tiff(ramp(np.float32, 37.5)), tiff(color)
    paths = [tmp_path / f"{number}.tif" for number in range(3)]
    for path, data in zip(paths, header, strict=True):
        path.write_bytes(data)
    facts = [inspect_image(path) for path in paths]
    settings = {"has_cuts": False, "settings": ImageSettings()}
    first = summarize_images(paths[:1], facts[:1], **settings)
    assert "Depth:    gray values 0 to 3,000, 12 of 16 bits" in first.lines()
    both = summarize_images(paths, facts, **settings)
    assert "Depth:    gray values 0 to 3,000" in both.lines()
    assert "1 image is of a single color." in both.warnings()


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_minus_one_is_a_value_like_any_other(dtype: type) -> None:
    pixels = np.repeat(np.array([-2, -1, 0], dtype), 4).reshape(3, 4)
    levels = decode_image(tiff(pixels), height=3, width=4, intensity=(-1000.0, 1000.0))
    assert levels[:, 0, 0].tolist() == [127, 127, 128]


def test_the_range_is_found_behind_many_images_of_8_bits(tmp_path: Path) -> None:
    for number in range(120):
        pixels = ramp(np.uint16, 3000) if number >= 60 else np.zeros((4, 4, 3), np.uint8)
        (tmp_path / f"{number}.tif").write_bytes(tiff(pixels))
    files = [as_file(tmp_path / f"{number}.tif") for number in range(120)]
    assert usual_range(files) == (0, 4095)


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_a_deep_image_in_memory_is_what_its_file_is(dtype: type) -> None:
    pixels = np.linspace(0, 3000, 64).reshape(8, 8).astype(dtype)
    encoded = encode_image(Image.fromarray(pixels))
    assert encoded is not None
    given = {"height": 8, "width": 8, "intensity": (0.0, 4095.0)}
    np.testing.assert_array_equal(
        decode_image(encoded, **given), decode_image(tiff(pixels), **given)
    )
