"""What the files of a table say about its images: a report, and the range of gray values."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from kerastl.errors import MediaError, counted
from kerastl.files import require_regular
from kerastl.media.base import MediaSummary
from kerastl.media.image.decoding import open_image, read_image_file, verify_image
from kerastl.media.image.intensity import is_deep, range_of_bits, scaled
from kerastl.media.image.settings import FULL

_MOST_HEADERS = 1000  # files of a table that are looked at for the range
_MOST_DECODED = 50  # of those, deep ones whose values are looked at
_DEEP_GRAY = b"\x10\x00"  # 16 bits and no color, where the header of a PNG says so
_DARK = 8  # levels of 255: an image without brighter ones is nearly black


@dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """Facts about one image, as Pillow names them."""

    format: str  # such as "JPEG"
    mode: str  # such as "RGB"
    size: tuple[int, int]  # (width, height) in pixels, as stored
    ends: tuple[int, int]  # lowest and highest value: levels of RGB, or as stored if deep
    is_deep: bool  # gray with more than 8 bits


@dataclass(frozen=True, kw_only=True)
class ImageSummary(MediaSummary):
    """Facts about the readable images, ordered by number of pixels."""

    formats: dict[str, int]  # format and mode to the number of images
    smallest: tuple[int, int]  # (width, height) in pixels, as stored
    median: tuple[int, int]
    largest: tuple[int, int]
    range_of_deep: tuple[int, int] | None  # of gray images of more than 8 bits, if there are any
    num_constant: int  # images with a single value
    num_dark: int  # others that are nearly black

    def lines(self) -> list[str]:
        formats = ", ".join(f"{name} {count:,}" for name, count in self.formats.items())
        low, high, median = (f"{w} x {h}" for w, h in (self.smallest, self.largest, self.median))
        lines = [f"Images:   {formats}", f"Sizes:    {low} to {high} pixels, median {median}"]
        if self.range_of_deep is not None:
            lowest, highest = self.range_of_deep
            bits = f"{highest.bit_length()} of 16 bits"
            lines.append(f"Depth:    gray values {lowest:,} to {highest:,}, {bits}")
        return lines

    def warnings(self) -> list[str]:
        return [
            f"{counted(count, 'image')} {'is' if count == 1 else 'are'} {what}."
            for count, what in (
                (self.num_constant, "of a single color"),
                (self.num_dark, "nearly black; data.intensity says which values become white"),
            )
            if count
        ]


def inspect_image(path: Path) -> ImageFacts:
    """Decodes every pixel of an image."""
    image = verify_image(read_image_file(path), where=str(path))
    return ImageFacts(
        format=str(image.format),
        mode=image.mode,
        size=image.size,
        ends=_ends(image),
        is_deep=is_deep(image),
    )


def _ends(image: Image.Image) -> tuple[int, int]:
    if not (is_deep(image) or image.mode in ("L", "RGB")):
        image = image.convert("RGB")  # values of a palette are no levels
    extrema = image.getextrema()
    channels = extrema if isinstance(extrema[0], tuple) else [extrema]
    return int(min(low for low, _ in channels)), int(max(high for _, high in channels))


def summarize_images(
    paths: Sequence[Path], facts: Sequence[ImageFacts | None], *, settings: Any, **context: Any
) -> ImageSummary:
    """Returns the summary for `MediaType.summarize`."""
    read = [fact for fact in facts if fact is not None]
    sizes = sorted((fact.size for fact in read), key=lambda size: size[0] * size[1])
    deep = [fact.ends for fact in read if fact.is_deep]
    found = (min(low for low, _ in deep), max(high for _, high in deep)) if deep else None
    constant = sum(fact.ends[0] == fact.ends[1] for fact in read)
    return ImageSummary(
        formats=dict(Counter(f"{fact.format} {fact.mode}" for fact in read).most_common()),
        smallest=sizes[0],
        median=sizes[len(sizes) // 2],
        largest=sizes[-1],
        range_of_deep=found,
        num_constant=constant,
        num_dark=sum(
            fact.ends[0] < fact.ends[1] and _level(fact, settings.intensity, found) < _DARK
            for fact in read
        ),
    )


def _level(fact: ImageFacts, intensity: Any, deep: tuple[int, int] | None) -> float:
    """Returns the brightest level of an image after decoding, 0 to 255."""
    highest = fact.ends[1]
    if not fact.is_deep:
        return highest
    if intensity == "auto":
        intensity = range_of_bits(deep[1] if deep else highest)
    elif intensity == "full":
        intensity = FULL
    return float(scaled(np.array([[fact.ends[0], highest]]), intensity)[0, 1])


def usual_range(paths: Sequence[Path]) -> tuple[float, float] | None:
    """Returns 0 and the largest value of the bits that deep images use; None if none is deep.

    Files that cannot be read are skipped here; training refuses them.
    """
    largest = max(_peaks(paths), default=None)
    return None if largest is None else range_of_bits(largest)


def _peaks(paths: Sequence[Path]) -> Iterator[int]:
    """Yields the largest value of some of the deep images, spread over the table."""
    chosen = np.unique(np.linspace(0, len(paths) - 1, min(len(paths), _MOST_HEADERS)).astype(int))
    num_decoded = 0
    for place in chosen:
        try:
            if not _is_deep_png(paths[place]):
                continue
            image = open_image(read_image_file(paths[place]), where=str(paths[place]))
            yield int(np.asarray(image).max())
            num_decoded += 1
        except (MediaError, OSError, ValueError, SyntaxError):
            continue
        if num_decoded == _MOST_DECODED:
            return


def _is_deep_png(path: Path) -> bool:
    """Whether the first bytes of a file are those of the only deep images that can be read."""
    require_regular(path)
    with path.open("rb") as file:
        header = file.read(26)
    return header.startswith(b"\x89PNG") and header[24:] == _DEEP_GRAY
