"""Looks into every file of a table: is it whole, what is it, and is it there twice."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from kerastl.data.images import decode_image, open_picture, read_picture_file
from kerastl.data.pictures import num_processors
from kerastl.errors import MediaError

_SIDE = 32  # pixels: a JPEG of any size is read whole, but decoded at the smallest scale
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
        peak: Largest value in the picture shrunk to 32 pixels, 0 to 255.
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
        header = open_picture(data, where=str(path))
        small = decode_image(data, height=_SIDE, width=_SIDE, where=str(path))
    except MediaError as error:
        return FileFacts(digest=digest, error=error)
    return FileFacts(
        digest=digest,
        format=header.format,
        mode=header.mode,
        width=header.width,
        height=header.height,
        peak=int(small.max()),
    )


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
