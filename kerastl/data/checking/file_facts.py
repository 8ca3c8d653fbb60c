"""Facts about every file of a table: whether it is readable, what it contains, and its hash."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerastl.errors import MediaError
from kerastl.files import file_sha256
from kerastl.media.base import MediaType
from kerastl.media.segments import Bounds, Segments, bounds_of
from kerastl.threads import num_processors

_NUM_EXAMPLES_AT_A_TIME = 1024


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    """Facts about the file of one example.

    Args:
        digest: SHA-256 of its bytes in hexadecimal, or None if it cannot be opened.
        error: Why it is unreadable, or None.
        content: What the media type's `inspect` returned, or None if it is unreadable.
    """

    digest: str | None
    error: MediaError | None = None
    content: Any = None


def inspect_files(
    paths: Sequence[Path],
    media: MediaType,
    *,
    segments: Segments | None = None,
    num_threads: int | None = None,
    on_progress: Callable[[int], None] = lambda done: None,
) -> list[FileFacts]:
    """Reads and decodes every file once, and every segment of a recording once.

    Args:
        paths: Files, in the order of the result.
        media: The media type of the files.
        segments: The part of its file that each example is, or None: the whole.
        num_threads: Number of threads that decode; None is the number of processors.
        on_progress: Receives the number of inspected examples from time to time.
    """
    examples = [(path, bounds_of(segments, row)) for row, path in enumerate(paths)]
    distinct = list(dict.fromkeys(examples))
    inspector = _Inspector(media)
    found: list[FileFacts] = []
    with ThreadPoolExecutor(num_threads or num_processors()) as pool:
        for start in range(0, len(distinct), _NUM_EXAMPLES_AT_A_TIME):
            some = distinct[start : start + _NUM_EXAMPLES_AT_A_TIME]
            found.extend(pool.map(inspector.inspect, some))
            on_progress(len(found))
    by_example = dict(zip(distinct, found, strict=True))
    return [by_example[example] for example in examples]


class _Inspector:
    """Inspects examples; a file is hashed once, however many examples are cut out of it."""

    def __init__(self, media: MediaType):
        self._media = media
        self._digests: dict[Path, str | None] = {}

    def inspect(self, example: tuple[Path, Bounds]) -> FileFacts:
        """Returns the facts about one example; an error is returned, not raised."""
        path, segment = example
        if path not in self._digests:
            self._digests[path] = _digest(path)
        try:
            content = self._media.inspect(path, segment)
        except MediaError as error:
            return FileFacts(digest=self._digests[path], error=error)
        return FileFacts(digest=self._digests[path], content=content)


def _digest(path: Path) -> str | None:
    try:
        return file_sha256(path).hex()
    except OSError:
        return None
