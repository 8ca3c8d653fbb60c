"""Images of any size inside a model have the values that their files give."""

import io

import numpy as np
import pytest
from PIL import Image

from kerastl.media.image.fit_images import FitImages
from kerastl.media.image.kind import IMAGE
from kerastl.media.image.settings import ImageContract
from kerastl_runtime.image.decoding import ImageDecoder, decode_image

SIZES = [(320, 240), (97, 301), (33, 40), (449, 448), (400, 30)]


@pytest.mark.parametrize("resize", ["stretch", "pad", "crop"])
@pytest.mark.parametrize("size", SIZES)
def test_images_of_any_size_are_resized_as_their_files_are(size, resize):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    expected = decode_image(stream.getvalue(), height=96, width=144, resize=resize)
    fitted = np.asarray(FitImages(96, 144, resize)(image[np.newaxis]))[0]
    difference = np.abs(fitted - expected)
    # Pillow holds the box of a crop in float32.
    assert difference.max() <= (1 if resize == "crop" else 0)
    assert (difference > 0).mean() < 0.05


def test_an_unfitted_file_keeps_its_size_and_is_upright(tmp_path):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8))
    turned = Image.Exif()
    turned[0x0112] = 6
    image.save(tmp_path / "turned.png", exif=turned)
    unfitted = ImageDecoder(ImageContract(shape=(8, 8, 3))).load_unfitted(tmp_path / "turned.png")
    np.testing.assert_array_equal(unfitted, np.rot90(np.asarray(image), -1))


def test_deep_gray_images_have_8_bits_before_they_are_resized(tmp_path):
    gray = np.random.default_rng(0).integers(0, 4096, (30, 20), np.uint16)
    Image.fromarray(gray).save(tmp_path / "deep.png")
    contract = ImageContract(shape=(8, 8, 3), intensity=(0.0, 4095.0))
    decoder = ImageDecoder(contract)
    unfitted = decoder.load_unfitted(tmp_path / "deep.png")
    fitted = np.asarray(IMAGE.fitting(contract)(unfitted[np.newaxis]))
    np.testing.assert_array_equal(fitted, decoder.load(tmp_path / "deep.png").values)
    assert "gray values 0 to 4095" in IMAGE.reading(contract)
