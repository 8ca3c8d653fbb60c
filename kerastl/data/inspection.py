"""Looks into every file of a table: is it whole, what is it, and is it there twice."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from kerastl.data.images import read_picture_file, verify_picture
from kerastl.data.pictures import num_processors
from kerastl.errors import MediaError

_NUM_FILES_AT_A_TIME = 1024


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    """What a file holds.

    Args:
        digest: SHA-256 of its bytes in hexadecimal, or None where it can't be opened.
        error: Why it is unreadable, or None.
        format: Such as `"JPEG"`, or None where nobody looked.
        mode: Such as `"RGB"`, as Pillow names it.
        width: Columns, in pixels, as stored.
        height: Rows, in pixels, as stored.
        peak: Largest value of a gray picture of 16 bits, 0 to 65535; None for all others.
    """

    digest: str | None
    error: MediaError | None = None
    format: str | None = None
    mode: str | None = None
    width: int | None = None
    height: int | None = None
    peak: int | None = None


def inspect_files(
    paths: Sequence[Path],
    modality: str,
    *,
    num_threads: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[FileFacts]:
    """Reads and decodes every file, once where rows share it.

    Args:
        paths: Files, in the order of the result.
        modality: `"image"` or `"audio"`; of sounds only the bytes are read.
        num_threads: Threads that decode; None takes one for each processor at hand.
        on_progress: Called now and then with the number of files done and of all.
    """
    distinct = list(dict.fromkeys(paths))
    found: list[FileFacts] = []
    with ThreadPoolExecutor(num_threads or num_processors()) as pool:
        for part in _parts(distinct):
            found.extend(pool.map(_INSPECTORS[modality], part))
            if on_progress is not None:
                on_progress(len(found), len(distinct))
    by_path = dict(zip(distinct, found, strict=True))
    return [by_path[path] for path in paths]


def _parts(paths: Sequence[Path]) -> Iterator[Sequence[Path]]:
    for start in range(0, len(paths), _NUM_FILES_AT_A_TIME):
        yield paths[start : start + _NUM_FILES_AT_A_TIME]


def inspect_picture(path: Path) -> FileFacts:
    """Decodes one picture and says what it is; what is wrong with it is returned, not raised."""
    try:
        data = read_picture_file(path)
    except MediaError as error:
        return FileFacts(digest=None, error=error)
    digest = hashlib.sha256(data).hexdigest()
    try:
        picture = verify_picture(data, where=str(path))
    except MediaError as error:
        return FileFacts(digest=digest, error=error)
    return FileFacts(
        digest=digest,
        format=picture.format,
        mode=picture.mode,
        width=picture.width,
        height=picture.height,
        peak=_peak(picture),
    )


def _peak(picture: Image.Image) -> int | None:
    return int(np.asarray(picture).max()) if picture.mode.startswith("I") else None


def inspect_sound(path: Path) -> FileFacts:
    """Reads the bytes of one sound."""
    try:
        return FileFacts(digest=hashlib.sha256(path.read_bytes()).hexdigest())
    except OSError as error:
        reason = MediaError(
            "The sound can't be opened.", where=str(path), received=error.strerror or str(error)
        )
        return FileFacts(digest=None, error=reason)


_INSPECTORS: dict[str, Callable[[Path], FileFacts]] = {
    "image": inspect_picture,
    "audio": inspect_sound,
}
