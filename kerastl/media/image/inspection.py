"""What the files of a table say about its images: a report, and the range of gray values."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from kerastl.errors import MediaError, counted
from kerastl.media.base import MediaSummary
from kerastl.media.image.settings import FULL
from kerastl_runtime.decoder import WHOLE, Cut
from kerastl_runtime.file_errors import as_damage
from kerastl_runtime.image.decoding import read_image_file
from kerastl_runtime.image.dicom import is_dicom
from kerastl_runtime.image.intensity import Scaling, is_deep, range_of, scaled
from kerastl_runtime.image.opening import (
    TIFF_SIGNATURES,
    load_image,
    open_dicom,
    open_image,
    orientation,
    upright_size,
)
from kerastl_runtime.image.regions import box_of, frame_of, stored_box
from kerastl_runtime.media_file import MediaFile, ask_each

_MOST_HEADERS = 1000  # files of a table that are looked at for the range
_MOST_DECODED = 50  # of those, ones that may be deep, whose values are looked at
_DEEP_GRAY = b"\x10\x00"  # 16 bits and no color, where the header of a PNG says so
_DEEP_COLOR = ";16"  # in the raw modes that Pillow reads by the high byte
_DARK = 8  # levels of 255: an image without brighter ones is nearly black


@dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """Facts about one image, as Pillow names them."""

    format: str  # such as "JPEG"
    mode: str  # such as "RGB"
    size: tuple[int, int]  # (width, height) in pixels, as stored; of the region
    ends: tuple[float, float]  # lowest and highest value: levels of RGB, or as stored if deep
    is_deep: bool  # gray with more than 8 bits
    are_floats: bool = False
    is_inverted: bool = False
    is_deep_color: bool = False  # 16 bits in color, of which the high byte is read
    num_frames: int = 1  # 1 if the table names one
    highest_level: int | None = None  # 0 to 255, if a DICOM's own window decides


@dataclass(frozen=True, kw_only=True)
class ImageSummary(MediaSummary):
    """Facts about the readable images, ordered by number of pixels."""

    formats: dict[str, int]  # format and mode to the number of images
    smallest: tuple[int, int]  # (width, height) in pixels, as stored
    median: tuple[int, int]
    largest: tuple[int, int]
    range_of_deep: tuple[float, float] | None  # of gray images of more than 8 bits, if any
    are_floats: bool  # some of them
    num_windowed: int  # DICOM whose own window decides
    num_deep_color: int
    num_unnamed_frames: int  # images with several frames, of which the table names none
    num_cut: int  # files of which several examples are cut
    num_constant: int  # images with a single value
    num_dark: int  # others that are nearly black

    def lines(self) -> list[str]:
        formats = ", ".join(f"{name} {count:,}" for name, count in self.formats.items())
        low, high, median = (f"{w} x {h}" for w, h in (self.smallest, self.largest, self.median))
        lines = [f"Images:   {formats}", f"Sizes:    {low} to {high} pixels, median {median}"]
        if self.range_of_deep is not None:
            lowest, highest = self.range_of_deep
            is_usual = not self.are_floats and lowest >= 0 and highest < 2**16
            bits = f", {int(highest).bit_length()} of 16 bits" if is_usual else ""
            lines.append(f"Depth:    gray values {lowest:,g} to {highest:,g}{bits}")
        if self.num_windowed:
            lines.append(f"Windows:  in {counted(self.num_windowed, 'DICOM')}")
        if self.num_cut:
            lines.append(f"Cut:      {counted(self.num_cut, 'file')} into several examples each")
        return lines

    def warnings(self) -> list[str]:
        return [
            f"{counted(count, 'image')} {'is' if count == 1 else 'are'} {what}."
            for count, what in (
                (self.num_constant, "of a single color"),
                (self.num_dark, "nearly black; data.intensity says which values become white"),
                (self.num_deep_color, "in color with 16 bits, of which the high byte is read"),
                (
                    self.num_unnamed_frames,
                    "of several frames, of which the first is read; a "
                    "column called frame names another",
                ),
            )
            if count
        ]


def inspect_image(file: MediaFile, cut: Cut = WHOLE) -> ImageFacts:
    """Decodes every pixel of an image; the facts are those of its region."""
    data, where = read_image_file(file), str(file)
    with as_damage("image", where):
        return (_dicom_facts if is_dicom(data) else _pillow_facts)(data, cut, where)


def _pillow_facts(data: bytes, cut: Cut, where: str) -> ImageFacts:
    frame = frame_of(cut)
    image = open_image(data, frame=frame, where=where)
    raw_mode = str(image.tile[0][3]) if image.tile else ""
    load_image(image, data, frame=frame, where=where)
    size, has_frames = upright_size(image), image.format in ("TIFF", "GIF")
    region = stored_box(box_of(cut, size, where=where), size, orientation(image))
    part = image if region == (0, 0, *image.size) else image.crop(region)
    return ImageFacts(
        format=str(image.format),
        mode=image.mode,
        size=part.size,
        ends=_ends(part),
        is_deep=is_deep(image),
        are_floats=image.mode == "F",
        is_deep_color=_DEEP_COLOR in raw_mode and not is_deep(image),
        num_frames=getattr(image, "n_frames", 1) if has_frames and _names_no_frame(cut) else 1,
    )


def _dicom_facts(data: bytes, cut: Cut, where: str) -> ImageFacts:
    image = open_dicom(data, frame=frame_of(cut), where=where)
    height, width = image.values.shape[:2]
    left, top, right, bottom = box_of(cut, (width, height), where=where)
    values = image.values[top:bottom, left:right]
    levels = np.asarray(image.eight_bits(Scaling())) if image.has_window else None
    return ImageFacts(
        format="DICOM",
        mode=image.mode,
        size=(right - left, bottom - top),
        ends=(float(values.min()), float(values.max())),
        is_deep=image.is_deep,
        are_floats=not np.array_equal(values, np.rint(values)),
        is_inverted=image.is_inverted,
        num_frames=image.num_frames if _names_no_frame(cut) else 1,
        highest_level=None if levels is None else int(levels[top:bottom, left:right].max()),
    )


def _names_no_frame(cut: Cut) -> bool:
    return not cut or cut[4] is None


def _ends(image: Image.Image) -> tuple[float, float]:
    if not (is_deep(image) or image.mode in ("L", "RGB")):
        image = image.convert("RGB")  # values of a palette are no levels
    extrema: Any = image.getextrema()
    channels = extrema if isinstance(extrema[0], tuple) else [extrema]
    return min(low for low, _ in channels), max(high for _, high in channels)


def summarize_images(
    files: Sequence[MediaFile],
    facts: Sequence[ImageFacts | None],
    *,
    has_cuts: bool,
    settings: Any,
    **context: Any,
) -> ImageSummary:
    """Returns the summary for `MediaType.summarize`."""
    read = [fact for fact in facts if fact is not None]
    sizes = sorted((fact.size for fact in read), key=lambda size: size[0] * size[1])
    windowed = [fact for fact in read if _is_windowed(fact, settings.dicom_window)]
    deep = [fact for fact in read if fact.is_deep and not _is_windowed(fact, settings.dicom_window)]
    found = _common_ends(deep)
    return ImageSummary(
        formats=dict(Counter(f"{fact.format} {fact.mode}" for fact in read).most_common()),
        smallest=sizes[0],
        median=sizes[len(sizes) // 2],
        largest=sizes[-1],
        range_of_deep=found,
        are_floats=any(fact.are_floats for fact in deep),
        num_windowed=len(windowed),
        num_deep_color=sum(fact.is_deep_color for fact in read),
        num_unnamed_frames=sum(fact.num_frames > 1 for fact in read),
        num_cut=sum(count > 1 for count in Counter(files).values()) if has_cuts else 0,
        num_constant=sum(fact.ends[0] == fact.ends[1] for fact in read),
        num_dark=sum(
            fact.ends[0] < fact.ends[1] and _level(fact, settings, deep) < _DARK for fact in read
        ),
    )


def usual_range(
    files: Sequence[MediaFile], dicom_window: bool = True
) -> tuple[float, float] | None:
    """Returns what becomes black and white of deep images, None if none is deep; see `range_of`.

    Files that cannot be read are skipped here; training refuses them. With `dicom_window`, DICOM
    with a window are skipped, too.
    """
    found = [fact for fact in _deep_facts(files) if not _is_windowed(fact, dicom_window)]
    return _usual_range(found)


def _usual_range(deep: Sequence[ImageFacts]) -> tuple[float, float] | None:
    ends = _common_ends(deep)
    return ends and range_of(*ends, are_floats=any(fact.are_floats for fact in deep))


def _common_ends(facts: Sequence[ImageFacts]) -> tuple[float, float] | None:
    lows, highs = zip(*(fact.ends for fact in facts), strict=True) if facts else ((), ())
    return (min(lows), max(highs)) if facts else None


def _is_windowed(fact: ImageFacts, dicom_window: bool) -> bool:
    return dicom_window and fact.highest_level is not None


def _level(fact: ImageFacts, settings: Any, deep: Sequence[ImageFacts]) -> float:
    """Returns the brightest level of an image after decoding, 0 to 255."""
    if fact.highest_level is not None and settings.dicom_window:
        return fact.highest_level
    if not fact.is_deep:
        return fact.ends[1]
    named: dict[str, Any] = {"auto": _usual_range(deep), "full": FULL}
    given = settings.intensity
    levels = scaled(np.array([fact.ends]), named[given] if isinstance(given, str) else given)
    return float((255 - levels if fact.is_inverted else levels).max())


def _deep_facts(files: Sequence[MediaFile]) -> Iterator[ImageFacts]:
    """Yields facts about some of the deep images, spread over the table."""
    spread = np.linspace(0, len(files) - 1, min(len(files), _MOST_HEADERS))
    chosen = [files[place] for place in np.unique(spread.astype(int))]
    may_be_deep = ask_each(chosen, _may_be_deep)
    deep = [file for file, may_be in zip(chosen, may_be_deep, strict=True) if may_be]
    some = np.unique(np.linspace(0, len(deep) - 1, min(len(deep), _MOST_DECODED)).astype(int))
    for file in (deep[place] for place in some):
        try:
            fact = inspect_image(file)
        except (MediaError, OSError):
            continue
        if fact.is_deep:
            yield fact


def _may_be_deep(file: MediaFile) -> bool:
    """Whether the first bytes of a file are those of a gray PNG of 16 bits, a TIFF or DICOM."""
    try:
        header = file.head(132)
    except OSError:
        return False
    is_deep_png = header.startswith(b"\x89PNG") and header[24:26] == _DEEP_GRAY
    return is_deep_png or header.startswith(TIFF_SIGNATURES) or is_dicom(header)
