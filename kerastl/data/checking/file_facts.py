"""Facts about every file of a table: whether it is readable, what it contains, and its hash."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerastl.data.tables.examples import Examples
from kerastl.errors import MediaError
from kerastl.files import file_sha256
from kerastl.media.media_types import media_type
from kerastl.media.segments import Bounds, bounds_of
from kerastl.progress import Progress
from kerastl.threads import num_processors

_NUM_EXAMPLES_AT_A_TIME = 1024


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    """Facts about the file of one example."""

    digest: str | None  # SHA-256 of its bytes in hexadecimal, or None if it cannot be opened
    error: MediaError | None = None  # why it is unreadable
    content: Any = None  # what the media type's `inspect` returned, or None if it is unreadable


def inspect_files(table: Examples, progress: Progress) -> list[FileFacts]:
    """Reads, decodes and hashes every file once, and every segment of a recording once."""
    media = media_type(table.modality)
    digests: dict[Path, str | None] = {}

    def inspect(example: tuple[Path, Bounds]) -> FileFacts:
        path, segment = example
        if path not in digests:
            digests[path] = _digest(path)
        try:
            content = media.inspect(path, segment)
        except MediaError as error:
            return FileFacts(digest=digests[path], error=error)
        return FileFacts(digest=digests[path], content=content)

    examples = [(path, bounds_of(table.segments, row)) for row, path in enumerate(table.paths)]
    distinct = list(dict.fromkeys(examples))
    progress.step("Inspecting files", len(distinct))
    found: dict[tuple[Path, Bounds], FileFacts] = {}
    with ThreadPoolExecutor(num_processors()) as pool:
        for start in range(0, len(distinct), _NUM_EXAMPLES_AT_A_TIME):
            some = distinct[start : start + _NUM_EXAMPLES_AT_A_TIME]
            found.update(zip(some, pool.map(inspect, some), strict=True))
            progress.advance(len(found))
    return [found[example] for example in examples]


def _digest(path: Path) -> str | None:
    try:
        return file_sha256(path).hex()
    except OSError:
        return None
