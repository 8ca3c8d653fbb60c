"""What every format becomes, in numbers."""

import contextlib
import functools
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from kerastl.errors import MediaError
from kerastl.media.image.settings import ImageContract
from kerastl_runtime.image.decoding import ImageDecoder, decode_image

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
CORNERS = np.array([[RED, GREEN], [BLUE, WHITE]], np.uint8)


def encoded(pixels, form, **options):
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def png(samples, *, color, depth, transparent=b""):
    """A PNG by hand, for what Pillow can't write; `samples` of 16 bits or packed bytes."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    height = len(samples)
    width = samples.shape[1] if depth == 16 else samples.shape[1] * 8 // depth
    rows = b"".join(b"\0" + row.astype(">u2" if depth == 16 else "u1").tobytes() for row in samples)
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    extra = chunk(b"tRNS", transparent) if transparent else b""
    body = (
        chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
    return b"\x89PNG\r\n\x1a\n" + body


def big(pixels, factor=16):
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def same_size(data, size=32):
    return decode_image(data, height=size, width=size)


def centers(image):
    """The four corner colors of an image whose quarters are uniform."""
    quarter, three = image.shape[0] // 4, image.shape[0] * 3 // 4
    return image[[[quarter], [three]], [[quarter, three]]].astype(int)


@functools.cache
def _smooth_photo(height, width):
    """Blobs and edges of many sizes, as photographs have: energy falls with frequency."""
    rng = np.random.default_rng(0)
    total = np.zeros((height, width, 3))
    for cells in (3, 7, 17, 43, 97):
        coarse = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        for method in (Image.Resampling.BICUBIC, Image.Resampling.NEAREST):
            scaled = Image.fromarray(coarse).resize((width, height), method)
            total += (np.asarray(scaled, float) - 128) / np.sqrt(cells)
    return (total + 128).clip(0, 255).astype(np.uint8)


def smooth_photo(height, width):
    return _smooth_photo(height, width).copy()


@pytest.mark.parametrize("form", ["PNG", "BMP", "WEBP"])
def test_a_lossless_format_keeps_every_value(form):
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    options = {"lossless": True} if form == "WEBP" else {}
    image = decode_image(encoded(pixels, form, **options), height=9, width=7)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, pixels)


@pytest.mark.parametrize("form", ["JPEG", "GIF", "WEBP"])
def test_a_lossy_format_keeps_uniform_quarters(form):
    image = same_size(encoded(big(CORNERS), form))
    assert np.abs(centers(image) - CORNERS).max() <= 4


def test_an_interlaced_palette_png_shows_its_colors():
    image = Image.fromarray(big(CORNERS)).convert("P", palette=Image.Palette.ADAPTIVE)
    np.testing.assert_array_equal(centers(same_size(encoded(image, "PNG"))), CORNERS)


def test_a_one_bit_image_is_black_and_white():
    pixels = np.array([[True, False], [False, True]])
    image = same_size(encoded(Image.fromarray(big(pixels)), "PNG"))
    np.testing.assert_array_equal(centers(image)[..., 0], [[255, 0], [0, 255]])


def test_gray_is_repeated_in_three_channels():
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image = decode_image(encoded(gray, "PNG"), height=16, width=16)
    np.testing.assert_array_equal(image, np.stack([gray] * 3, axis=-1))


@pytest.mark.parametrize(("color", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_sixteen_bits_become_the_high_byte_in_gray_and_color_alike(color, channels):
    gradient = (np.linspace(0, 1, 256) ** 1.5 * 65535).astype(np.uint16).reshape(16, 16)
    samples = np.stack([gradient] * channels, axis=-1)
    if channels in (2, 4):
        samples[..., -1] = 65535
    data = png(samples.reshape(16, -1), color=color, depth=16)
    data = data.replace(struct.pack(">II", 16 * channels, 16), struct.pack(">II", 16, 16), 1)
    data = with_fixed_header_checksum(data)
    image = decode_image(data, height=16, width=16)
    np.testing.assert_array_equal(image, np.stack([gradient >> 8] * 3, axis=-1))
    assert np.abs(image[..., 0] - gradient / 257).max() < 1


def with_fixed_header_checksum(data):
    return data[:29] + struct.pack(">I", zlib.crc32(data[12:29])) + data[33:]


def test_a_cmyk_jpeg_of_adobe_has_the_colors_of_its_inks():
    inks = np.array(
        [[[0, 255, 255, 0], [255, 0, 255, 0]], [[255, 255, 0, 0], [0, 0, 0, 0]]], np.uint8
    )
    image = Image.fromarray(big(inks), mode="CMYK")
    assert np.abs(centers(same_size(encoded(image, "JPEG", quality=95))) - CORNERS).max() <= 6


def test_black_ink_darkens_every_color():
    image = Image.new("CMYK", (32, 32), (0, 0, 0, 128))
    assert np.abs(same_size(encoded(image, "JPEG", quality=95)).astype(int) - 127).max() <= 3


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_transparency_is_composited_onto_white(form):
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[..., 0] = 200
    pixels[..., 3] = np.array([0, 51, 128, 255])
    options = {"lossless": True, "exact": True} if form == "WEBP" else {}
    image = decode_image(encoded(pixels, form, **options), height=4, width=4)
    alpha = np.array([0, 51, 128, 255]) / 255
    expected = np.stack([200 * alpha + 255 * (1 - alpha), *[255 * (1 - alpha)] * 2], axis=-1)
    assert np.abs(image[0] - expected).max() <= 1


def test_hidden_colors_do_not_bleed_through_when_resizing():
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[:, 32:] = (0, 0, 255, 255)
    image = decode_image(encoded(pixels, "PNG"), height=8, width=8)
    np.testing.assert_array_equal(image[:, 0], [WHITE] * 8)
    assert image[:, 3:5, 2].min() == 255


def test_gray_with_alpha_and_transparent_palettes_are_composited():
    gray = np.zeros((4, 4, 2), np.uint8)
    gray[..., 1] = 51
    np.testing.assert_array_equal(decode_image(encoded(gray, "PNG"), height=4, width=4), 204)
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    for form in ("PNG", "GIF"):
        data = encoded(palette, form, transparency=1)
        np.testing.assert_array_equal(decode_image(data, height=4, width=4), 255)


@pytest.mark.parametrize(
    ("samples", "color", "depth", "transparent", "expected"),
    [
        (np.array([[0b00011011]]), 0, 2, 1, [0, 255, 170, 255]),
        (np.array([[0x04, 0x8F]]), 0, 4, 4, [0, 255, 136, 255]),
        (np.array([[0, 3000, 40000]]), 0, 16, 3000, [0, 255, 156]),
    ],
)
def test_the_transparent_gray_of_a_png_counts_at_its_own_depth(
    samples, color, depth, transparent, expected
):
    data = png(samples, color=color, depth=depth, transparent=struct.pack(">H", transparent))
    image = decode_image(data, height=1, width=len(expected))
    np.testing.assert_array_equal(image[0, :, 0], expected)


def test_the_first_frame_of_an_animation_counts():
    frames = [Image.new("RGB", (8, 8), color) for color in (RED, GREEN, BLUE)]
    for form in ("GIF", "WEBP", "PNG"):
        options = {"lossless": True} if form == "WEBP" else {}
        data = encoded(frames[0], form, save_all=True, append_images=frames[1:], **options)
        np.testing.assert_array_equal(decode_image(data, height=2, width=2), [[RED] * 2] * 2)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_turns_the_image(orientation, form):
    red, green, blue, white = RED, GREEN, BLUE, WHITE
    upright = {
        1: [[red, green], [blue, white]],
        2: [[green, red], [white, blue]],
        3: [[white, blue], [green, red]],
        4: [[blue, white], [red, green]],
        5: [[red, blue], [green, white]],
        6: [[blue, red], [white, green]],
        7: [[white, green], [blue, red]],
        8: [[green, white], [red, blue]],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = same_size(encoded(big(CORNERS), form, exif=exif.tobytes()))
    assert np.abs(centers(image) - upright).max() <= 4


@pytest.mark.parametrize("resize", ["stretch", "pad", "crop"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_turned_file_gives_the_same_as_a_file_stored_upright(orientation, resize):
    stored = smooth_photo(40, 64)
    exif = Image.Exif()
    exif[0x0112] = orientation
    flagged = encoded(stored, "PNG", exif=exif.tobytes())
    turns = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE"}
    turns |= {6: "ROTATE_270", 7: "TRANSVERSE", 8: "ROTATE_90"}
    turn = getattr(Image.Transpose, turns[orientation])
    upright = encoded(Image.fromarray(stored).transpose(turn), "PNG")
    images = [decode_image(d, height=24, width=20, resize=resize) for d in (flagged, upright)]
    assert np.abs(images[0].astype(int) - images[1]).max() <= 1


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_broken_exif_block_leaves_the_image_upright():
    data = encoded(big(CORNERS), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff nonsense")
    assert np.abs(centers(same_size(data)) - CORNERS).max() <= 4


def test_stretch_fills_the_target_whatever_the_proportions():
    image = decode_image(encoded(big(CORNERS)[:16], "PNG"), height=30, width=10)
    np.testing.assert_array_equal(image[:, 2], [RED] * 30)
    np.testing.assert_array_equal(image[:, 7], [GREEN] * 30)


def test_pad_keeps_the_proportions_on_black():
    wide = np.full((10, 40, 3), 200, np.uint8)
    image = decode_image(encoded(wide, "PNG"), height=20, width=20, resize="pad")
    assert [int(row.max()) for row in image] == [0] * 7 + [200] * 5 + [0] * 8


def test_crop_keeps_the_proportions_and_the_center():
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = 255
    image = decode_image(encoded(wide, "PNG"), height=10, width=10, resize="crop")
    assert image[:, 1:-1].min() == 255
    tall = np.ascontiguousarray(wide.transpose(1, 0, 2))
    image = decode_image(encoded(tall, "PNG"), height=10, width=10, resize="crop")
    assert image[1:-1].min() == 255


def test_shrinking_is_antialiased():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    image = decode_image(encoded(stripes, "PNG"), height=8, width=8)
    assert np.abs(image.astype(int) - 127).max() <= 6


@pytest.mark.parametrize("size", [50, 160, 224])
@pytest.mark.parametrize("resize", ["stretch", "pad", "crop"])
def test_a_large_jpeg_decoded_at_reduced_scale_stays_near_the_full_decode(size, resize):
    pixels = smooth_photo(901, 1107)
    data = encoded(pixels, "JPEG", quality=92)
    lossless = encoded(Image.open(io.BytesIO(data)), "PNG")
    reduced, full = (
        decode_image(d, height=size, width=size, resize=resize).astype(int)
        for d in (data, lossless)
    )
    difference = np.abs(reduced - full)
    assert difference.max() < 20
    assert difference.mean() < 1


def test_a_large_jpeg_of_noise_stays_near_the_full_decode():
    noise = np.random.default_rng(0).integers(0, 256, (1200, 1600, 3), dtype=np.uint8)
    data = encoded(noise, "JPEG", quality=95)
    full = encoded(Image.open(io.BytesIO(data)), "PNG")
    difference = np.abs(same_size(data, 160).astype(int) - same_size(full, 160))
    assert 0 < difference.max() < 20


def test_a_large_jpeg_is_decoded_at_reduced_scale(monkeypatch):
    scales = []
    original = JpegImagePlugin.JpegImageFile.draft

    def recorded(self, mode, size):
        result = original(self, mode, size)
        scales.append(self.decoderconfig[0])
        return result

    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "draft", recorded)
    data = encoded(smooth_photo(800, 800), "JPEG")
    for size in (50, 51, 160, 200, 400, 401, 1000):
        decode_image(data, height=size, width=size)
    assert scales == [8, 4, 2, 2, 1, 1, 1]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "GIF"])
@pytest.mark.parametrize("kept", [0.02, 0.3, 0.6, 0.9])
def test_a_truncated_file_is_an_error(form, kept):
    data = encoded(smooth_photo(200, 300), form)
    with pytest.raises(MediaError, match="truncated or damaged"):
        same_size(data[: max(30, int(len(data) * kept))])


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_a_jpeg_cut_off_and_closed_again_is_an_error(kept, progressive):
    data = encoded(smooth_photo(200, 300), "JPEG", progressive=progressive)
    closed = data[: int(len(data) * kept)] + b"\xff\xd9"
    Image.open(io.BytesIO(closed)).load()  # Pillow sees nothing
    for size in (16, 160):
        with pytest.raises(MediaError, match="its data ends before the image does"):
            same_size(closed, size)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("height", [64, 65, 77])
def test_a_complete_jpeg_with_a_flat_end_is_no_error(height, options):
    pixels = smooth_photo(height, 90)
    pixels[-20:] = 255
    data = encoded(pixels, "JPEG", **options)
    assert same_size(data)[-1].min() >= 250
    assert (
        same_size(data + b"trailing bytes of a camera \xff\xd8 \xff\xda \xff\xd9")[-1].min() >= 250
    )


def test_a_jpeg_with_a_thumbnail_and_a_flat_end_is_no_error():
    pixels = smooth_photo(64, 64)
    pixels[-20:] = 0
    thumbnail = encoded(smooth_photo(16, 16), "JPEG")
    data = encoded(pixels, "JPEG", exif=b"Exif\0\0" + thumbnail)
    assert same_size(data)[-1].max() <= 4


def test_a_damaged_png_is_an_error():
    data = bytearray(encoded(smooth_photo(100, 100), "PNG"))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(MediaError, match="truncated or damaged"):
        same_size(bytes(data))


def test_random_damage_gives_an_image_or_a_media_error_but_nothing_else():
    rng = np.random.default_rng(0)
    for form in ("JPEG", "PNG", "WEBP", "BMP", "GIF"):
        whole = encoded(smooth_photo(40, 50), form)
        for _ in range(60):
            data = bytearray(whole)
            for position in rng.integers(0, len(data), 4):
                data[position] = rng.integers(0, 256)
            with contextlib.suppress(MediaError):
                assert same_size(bytes(data), 8).shape == (8, 8, 3)


def test_the_decoder_reads_the_file(tmp_path: Path):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(CORNERS, "PNG"))
    decoder = ImageDecoder(ImageContract(shape=(2, 2, 3)))
    np.testing.assert_array_equal(decoder.load(path).values, [CORNERS])
