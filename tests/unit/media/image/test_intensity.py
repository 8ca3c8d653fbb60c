"""Gray images of more than 8 bits keep their information."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import kerastl
from kerastl.config import parse_config
from kerastl.errors import ConfigError
from kerastl.media.image.inspection import usual_range
from kerastl.media.image.kind import IMAGE
from kerastl.media.image.settings import ImageSettings
from kerastl_runtime.image.decoding import decode_image
from kerastl_runtime.input_contract import Percentiles
from kerastl_runtime.media_file import as_file

TWELVE_BITS = (0.0, 4095.0)


def gray(seed: int = 0, size: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size, size)).astype(np.uint8)


def deep(pixels: np.ndarray, bits: int = 12) -> np.ndarray:
    """Returns 8 bits as more bits: 255 becomes the largest value."""
    return np.rint(pixels / 255 * (2**bits - 1)).astype(np.uint16)


def saved(pixels: np.ndarray, path: Path) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def decoded(path: Path, size: int, **how: Any) -> np.ndarray:
    return decode_image(path.read_bytes(), height=size, width=size, **how).astype(int)


@pytest.mark.parametrize("size", [40, 17])
def test_twelve_bits_are_decoded_as_the_eight_that_they_were_made_of(
    tmp_path: Path, size: int
) -> None:
    usual = decoded(saved(gray(), tmp_path / "8.png"), size)
    path = saved(deep(gray()), tmp_path / "12.png")
    np.testing.assert_array_equal(decoded(path, size, intensity=TWELVE_BITS), usual)
    assert len(np.unique(decoded(path, size, intensity=TWELVE_BITS))) > 60
    assert len(np.unique(decoded(path, size))) <= 16


def test_what_is_outside_of_the_range_is_black_or_white(tmp_path: Path) -> None:
    path = saved(np.array([[0, 1000, 1500, 2000, 9000]] * 5, np.uint16), tmp_path / "a.png")
    row = decoded(path, 5, intensity=(1000.0, 2000.0))[0, :, 0]
    assert row.tolist() == [0, 0, 128, 255, 255]


def test_percentiles_are_those_of_each_image(tmp_path: Path) -> None:
    ramp = np.arange(101, dtype=np.uint16) * 30 + 500
    path = saved(np.tile(ramp, (101, 1)), tmp_path / "a.png")
    row = decoded(path, 101, intensity=Percentiles(10.0, 90.0))[0, :, 0]
    assert row[:11].max() == 0
    assert row[90:].min() == 255
    assert abs(row[50] - 127.5) <= 0.5


def test_a_constant_image_is_no_division_by_zero(tmp_path: Path) -> None:
    path = saved(np.full((4, 4), 700, np.uint16), tmp_path / "a.png")
    found = decoded(path, 4, intensity=Percentiles(1.0, 99.0))
    assert len(np.unique(found)) == 1


@pytest.mark.parametrize(
    ("largest", "expected"), [(255, 255), (1000, 1023), (4095, 4095), (4096, 16383), (60000, 65535)]
)
def test_the_usual_range_is_that_of_the_bits_in_use(
    tmp_path: Path, largest: int, expected: int
) -> None:
    pixels = np.array([[0, largest]], np.uint16)
    paths = [saved(gray(), tmp_path / "8.png"), saved(pixels, tmp_path / "16.png")]
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    files = list(map(as_file, [*paths, tmp_path / "broken.png"]))
    assert usual_range(files) == (0, expected)
    assert usual_range(files[:1]) is None


def test_the_contract_of_images_of_eight_bits_is_what_it_was() -> None:
    contract = IMAGE.make_contract((8, 8, 3), ImageSettings(), None, backbone="tiny:image")
    assert contract.intensity is None
    assert set(IMAGE.decoder(contract).rule) == {"modality", "shape", "resize", "version"}


@pytest.mark.parametrize("wrong", [[5, 5], [9, 1], {"percentiles": [99, 1]}, "most", [0]])
def test_a_range_that_is_none_is_refused(wrong: Any) -> None:
    data = {"table": "t.csv", "image": "path", "tasks": ["a"], "intensity": wrong}
    with pytest.raises(ConfigError, match="intensity"):
        parse_config({"data": data, "backbone": {"name": "tiny:image"}})


def test_a_training_decides_the_range_once_and_predicts_with_it(tmp_path: Path) -> None:
    rows = ["path,bright"]
    for number in range(40):
        pixels = (gray(number, 32) // 2 + 100 * (number % 2)).astype(np.uint8)
        saved(deep(pixels), tmp_path / f"{number}.png")
        saved(pixels, tmp_path / f"8-{number}.png")
        rows.append(f"{number}.png,{number % 2}")
    (tmp_path / "t.csv").write_text("\n".join(rows))
    data = {"table": str(tmp_path / "t.csv"), "image": "path", "tasks": ["bright"]}
    config = {"data": data, "backbone": {"name": "tiny:image", "input_size": 32}}
    run = kerastl.train(parse_config(config), output=tmp_path / "run", cache=False)
    assert run.record.config.data.intensity == TWELVE_BITS
    assert run.record.bundle.input.intensity == TWELVE_BITS
    named = [[tmp_path / f"{prefix}{number}.png" for number in range(8)] for prefix in ("", "8-")]
    twelve, eight = (run.predict(paths, cache=False)["bright"].to_numpy() for paths in named)
    np.testing.assert_array_equal(twelve, eight)
    assert np.ptp(twelve) > 0.5
