"""Regions of images, and their frames: the columns x, y, width, height and frame of a table.

Convention: a region is that of the upright image, from its upper left corner. The four numbers of a
row are fractions of the image if all of them are in [0, 1], otherwise pixels; all rows of a table
are of one kind, so that a region of fractions is not taken for one of a pixel.
"""

from collections.abc import Iterator

import numpy as np

from kerastl_runtime.decoder import Cut
from kerastl_runtime.errors import MediaError

_BEYOND = 0.001  # of the image, or a pixel, by which a region may exceed it: tables round
SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height

PixelBox = tuple[int, int, int, int]  # left, top, right, bottom


def bad_cuts(values: np.ndarray) -> Iterator[tuple[int, int, str]]:
    """Yields the row, the column and what is wrong with it; see `MediaType.bad_cuts`."""
    frames = values[:, 4]
    given: np.ndarray = ~np.isnan(values[:, :4])
    for row in np.flatnonzero(~np.isnan(frames) & (frames != np.floor(frames))):
        yield int(row), 4, "is not a whole number"
    for row in np.flatnonzero(given.any(axis=1) & ~given.all(axis=1)):
        yield int(row), int(np.argmin(given[row])), "must be given, as the rest of the region is"
    whole = np.flatnonzero(given.all(axis=1))
    regions = values[whole, :4]
    relative = np.all(regions <= 1, axis=1)
    usual = bool(relative[:1].any())  # what the regions of a table are is decided by its first
    names = ("pixels", "fractions of the image")
    for place in np.flatnonzero(relative != usual):
        own, first = names[not usual], f"that of row {whole[0] + 1} is in {names[usual]}"
        yield int(whole[place]), 2, f"makes a region in {own}; {first}"
    problem = "is not above 0" if usual else "is below 1 pixel"
    for axis in (0, 1):
        start, extent = regions[:, axis], regions[:, axis + 2]
        for place in np.flatnonzero((relative == usual) & (extent <= 0 if usual else extent < 1)):
            yield int(whole[place]), axis + 2, problem
        for place in np.flatnonzero(relative & usual & (start + extent > 1 + _BEYOND)):
            end = start[place] + extent[place]
            yield int(whole[place]), axis + 2, f"ends at {end:g}, outside of the image"


def box_of(cut: Cut, size: tuple[int, int], *, where: str) -> PixelBox:
    """Returns the region of an upright image of (width, height) to whole pixels, at least one.

    Raises:
        MediaError: The region is outside of the image.
    """
    if not cut or cut[0] is None:
        return (0, 0, *size)
    x, y, width, height = (value or 0.0 for value in cut[:4])
    scale = size if max(x, y, width, height) <= 1 else (1, 1)
    edges = []
    for start, extent, factor, side in zip((x, y), (width, height), scale, size, strict=True):
        begin, end = start * factor, (start + extent) * factor
        if begin >= side or end > side + max(1.0, _BEYOND * side):
            raise MediaError(
                "The region is outside of the image.",
                where=where,
                expected=f"a part of {size[0]} x {size[1]} pixels",
                received=cut_text(cut),
                fix="Correct x, y, width and height in the table; `kerastl data check` lists all "
                "such rows. They count from the upper left corner of the image as it is seen, "
                "turned by its EXIF flag.",
            )
        first = min(round(begin), side - 1)
        edges.append((first, max(first + 1, min(round(end), side))))
    (left, right), (top, bottom) = edges
    return left, top, right, bottom


def frame_of(cut: Cut) -> int:
    """Returns the index of the frame of a cut; that of a file without frames is 0."""
    return int(cut[4] or 0) if cut else 0


def cut_text(cut: Cut) -> str:
    """Returns a cut in a few words."""
    parts = []
    if cut and cut[0] is not None:
        x, y, width, height = (f"{value:g}" for value in cut[:4] if value is not None)
        parts.append(f"{width} x {height} at ({x}, {y})")
    if cut and cut[4] is not None:
        parts.append(f"frame {cut[4]:g}")
    return ", ".join(parts)


def no_such_frame(frame: int, num_frames: int, *, where: str) -> MediaError:
    """Returns the error of a file without the frame that a row names."""
    return MediaError(
        f"The image has no frame {frame}.",
        where=where,
        expected="0, its only frame" if num_frames == 1 else f"0 to {num_frames - 1}",
        fix="Correct the column frame of the table, or rename it if it means something else.",
    )


def stored_box(box: PixelBox, size: tuple[int, int], turn: int) -> PixelBox:
    """Returns a box of an upright image of (width, height) in the image as stored.

    `turn` is the EXIF orientation, 1 to 8.
    """
    left, top, right, bottom = box
    if turn in (2, 3, 6, 7):
        left, right = size[0] - right, size[0] - left
    if turn in (3, 4, 7, 8):
        top, bottom = size[1] - bottom, size[1] - top
    return (top, left, bottom, right) if turn in SIDEWAYS else (left, top, right, bottom)
