"""Image and audio files of every odd kind, and some that are damaged."""

import io
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image, PngImagePlugin

_ORIENTATION = 0x0112


def odd_images(folder: Path, *, rounds: int = 1) -> list[Path]:
    """Writes images of every kind and size that cameras, scanners and programs make."""
    found = [path for number in range(rounds) for path in _images(folder, number)]
    whole = found[0].read_bytes()
    broken = {"cut.jpg": whole[: len(whole) // 2], "text.png": b"no image", "empty.jpg": b""}
    for name, data in broken.items():
        (folder / name).write_bytes(data)
    return [*found, *(folder / name for name in broken), folder / "missing.png"]


def odd_audio(folder: Path, *, rounds: int = 1) -> list[Path]:
    """Writes audio of many rates, channels, lengths, depths and formats."""
    found = [path for number in range(rounds) for path in _audio(folder, number)]
    whole = found[0].read_bytes()
    broken = {"cut.wav": whole[: len(whole) // 2], "text.flac": b"no audio", "empty.wav": b""}
    for name, data in broken.items():
        (folder / name).write_bytes(data)
    return [*found, *(folder / name for name in broken)]


def _images(folder: Path, number: int) -> list[Path]:
    draw = np.random.default_rng(number)
    height, width = (int(side) for side in draw.integers(30, 400, 2))
    coarse = draw.integers(0, 256, (9, 12, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    gray = np.asarray(image.convert("L"), np.uint16)
    mask = Image.fromarray(draw.integers(0, 256, (height, width), dtype=np.uint8))
    see_through = image.copy()
    see_through.putalpha(mask)
    keyed = PngImagePlugin.PngInfo()
    keyed.add_text("comment", "odd")
    made = {
        "photo.jpg": _saved(image, "JPEG", quality=90),
        "large.jpg": _saved(image.resize((width * 5 + 3, height * 5 + 1)), "JPEG"),
        "progressive.jpg": _saved(image, "JPEG", progressive=True, subsampling=0),
        "cmyk.jpg": _saved(image.convert("CMYK"), "JPEG"),
        "gray.jpg": _saved(image.convert("L"), "JPEG"),
        "profile.png": _saved(image, "PNG", icc_profile=b"no profile", pnginfo=keyed),
        "16bit.png": _saved(Image.fromarray(gray * 257), "PNG"),
        "12bit.tif": _saved(Image.fromarray(gray * 16), "TIFF"),
        "1bit.png": _saved(image.convert("1"), "PNG"),
        "palette.png": _saved(image.convert("P"), "PNG", transparency=3),
        "alpha.png": _saved(see_through, "PNG"),
        "gray-alpha.png": _saved(see_through.convert("LA"), "PNG"),
        "alpha.webp": _saved(see_through, "WEBP", lossless=True),
        "lossy.webp": _saved(image, "WEBP", quality=60),
        "frames.gif": _saved(image.convert("P"), "GIF", save_all=True, append_images=[image]),
        "plain.bmp": _saved(image, "BMP"),
        "cmyk.tif": _saved(image.convert("CMYK"), "TIFF"),
        "packed.tif": _saved(image, "TIFF", compression="tiff_lzw"),
        "narrow.png": _saved(image.resize((3, 200)), "PNG"),
        "pixel.png": _saved(image.resize((1, 1)), "PNG"),
    }
    for turn in range(2, 9):
        exif = Image.Exif()
        exif[_ORIENTATION] = turn
        made[f"turned-{turn}.jpg"] = _saved(image, "JPEG", exif=exif)
    return [_written(folder / f"{number}-{name}", data) for name, data in made.items()]


def _audio(folder: Path, number: int) -> list[Path]:
    draw, found = np.random.default_rng(number), []
    for rate, samples, channels, ending, subtype in (
        (8_000, 20_000, 1, "flac", "PCM_16"),
        (96_000, 9_000, 2, "wav", "PCM_24"),
        (16_000, 300, 7, "flac", "PCM_16"),
        (192_000, 30_000, 1, "wav", "DOUBLE"),
        (44_100, 50_000, 2, "mp3", "MPEG_LAYER_III"),
        (22_050, 50_000, 1, "ogg", "VORBIS"),
        (11_025, 5_000, 1, "wav", "PCM_U8"),
        (8_000, 4_000, 1, "wav", "ULAW"),
        (48_000, 1, 1, "wav", "FLOAT"),
        (7_999, 90_000, 3, "wav", "PCM_32"),
    ):
        length = max(1, int(samples * draw.uniform(0.5, 1.5)))
        wave = np.sin(np.arange(length)[:, np.newaxis] * draw.uniform(0.01, 0.5, channels))
        noise = draw.standard_normal((length, channels))
        path = folder / f"{number}-{rate}-{subtype}.{ending}"
        soundfile.write(path, 0.3 * wave + 0.1 * noise, rate, subtype=subtype)
        found.append(path)
    return found


def _saved(image: Image.Image, form: str, **options: object) -> bytes:
    encoded = io.BytesIO()
    image.save(encoded, form, **options)
    return encoded.getvalue()


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
