"""What `kerastl data check` reports about images."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerastl.errors import counted
from kerastl.media.base import MediaSummary
from kerastl.media.image.decoding import read_image_file, verify_image

_DARK_PEAK = 2**13  # of 65535: below it, an image of 16 bits holds 13 bits or fewer


@dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """Facts about one image, as Pillow names them."""

    format: str  # such as "JPEG"
    mode: str  # such as "RGB"
    size: tuple[int, int]  # (width, height) in pixels, as stored
    peak: int | None  # largest value of a gray image of 16 bits, 0 to 65535; None for all others


@dataclass(frozen=True, kw_only=True)
class ImageSummary(MediaSummary):
    """Facts about the readable images, ordered by number of pixels."""

    formats: dict[str, int]  # format and mode to the number of images
    smallest: tuple[int, int]  # (width, height) in pixels, as stored
    median: tuple[int, int]
    largest: tuple[int, int]
    num_dark: int  # images of 16 bits that use less than an eighth of their range

    def lines(self) -> list[str]:
        formats = ", ".join(f"{name} {count:,}" for name, count in self.formats.items())
        low, high, median = (f"{w} x {h}" for w, h in (self.smallest, self.largest, self.median))
        return [f"Images:   {formats}", f"Sizes:    {low} to {high} pixels, median {median}"]

    def warnings(self) -> list[str]:
        if not self.num_dark:
            return []
        return [
            f"{counted(self.num_dark, '16-bit image')} {'is' if self.num_dark == 1 else 'are'} "
            "nearly black after decoding, using less than an eighth of the range. Scale the values "
            "to 0 to 65535."
        ]


def inspect_image(path: Path) -> ImageFacts:
    """Decodes every pixel of an image."""
    image = verify_image(read_image_file(path), where=str(path))
    return ImageFacts(
        format=str(image.format),
        mode=image.mode,
        size=image.size,
        peak=int(np.asarray(image).max()) if image.mode.startswith("I") else None,
    )


def summarize_images(
    paths: Sequence[Path], facts: Sequence[ImageFacts | None], **context: Any
) -> ImageSummary:
    """Returns the summary for `MediaType.summarize`."""
    read = [fact for fact in facts if fact is not None]
    sizes = sorted((fact.size for fact in read), key=lambda size: size[0] * size[1])
    return ImageSummary(
        formats=dict(Counter(f"{fact.format} {fact.mode}" for fact in read).most_common()),
        smallest=sizes[0],
        median=sizes[len(sizes) // 2],
        largest=sizes[-1],
        num_dark=sum(fact.peak is not None and 0 < fact.peak < _DARK_PEAK for fact in read),
    )
