"""Looks into every file of a table: is it whole, what is it, and is it there twice."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from kerastl.errors import MediaError
from kerastl.media.audio.inspection import SoundFacts, hash_sound, listen
from kerastl.media.image.decoding import read_picture_file, verify_picture
from kerastl.media.segments import WHOLE, Bounds, Segments, bounds_of
from kerastl.threads import num_processors

_NUM_FILES_AT_A_TIME = 1024

_Example = tuple[Path, Bounds]


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
        sound: What a sound is, or None.
    """

    digest: str | None
    error: MediaError | None = None
    format: str | None = None
    mode: str | None = None
    width: int | None = None
    height: int | None = None
    peak: int | None = None
    sound: SoundFacts | None = None


def inspect_files(
    paths: Sequence[Path],
    modality: str,
    *,
    segments: Segments | None = None,
    num_threads: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[FileFacts]:
    """Reads and decodes every file, once where rows share it; every segment of a recording once.

    Args:
        paths: Files, in the order of the result.
        modality: `"image"` or `"audio"`.
        segments: The part of its file that each example is, or None: the whole.
        num_threads: Threads that decode; None takes one for each processor at hand.
        on_progress: Called now and then with the number of examples done and of all.
    """
    inspect = inspect_picture if modality == "image" else SoundInspector().inspect
    examples = [(path, bounds_of(segments, row)) for row, path in enumerate(paths)]
    distinct = list(dict.fromkeys(examples))
    found: list[FileFacts] = []
    with ThreadPoolExecutor(num_threads or num_processors()) as pool:
        for part in _parts(distinct):
            found.extend(pool.map(lambda example: inspect(*example), part))
            if on_progress is not None:
                on_progress(len(found), len(distinct))
    by_example = dict(zip(distinct, found, strict=True))
    return [by_example[example] for example in examples]


def _parts(examples: Sequence[_Example]) -> Iterator[Sequence[_Example]]:
    for start in range(0, len(examples), _NUM_FILES_AT_A_TIME):
        yield examples[start : start + _NUM_FILES_AT_A_TIME]


def inspect_picture(path: Path, segment: Bounds = WHOLE) -> FileFacts:
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


class SoundInspector:
    """Listens to sounds; a file is hashed once, however many examples are cut out of it."""

    def __init__(self) -> None:
        self._digests: dict[Path, str] = {}

    def inspect(self, path: Path, segment: Bounds = WHOLE) -> FileFacts:
        """Listens to one example; what is wrong with it is returned, not raised."""
        digest = self._digests.get(path)
        try:
            digest = self._digests[path] = digest or hash_sound(path)
            return FileFacts(digest=digest, sound=listen(path, *segment))
        except MediaError as error:
            return FileFacts(digest=digest, error=error)
