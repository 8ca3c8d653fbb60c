"""Where the cache lies, how large it may become, and what fills it.

Convention: a file's last use is its modification time; whoever reads a file of the cache touches
it. Everything in the cache can be made again, so anything in it may be deleted at any time.
"""

import os
import re
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kerastl.errors import CacheError
from kerastl.files import WRITING

FOLDER_VARIABLE = "KERASTL_CACHE"
LIMIT_VARIABLE = "KERASTL_CACHE_LIMIT"
DEFAULT_LIMIT = "10GB"
FEATURES = "features"
ENGINES = "engines"
HASHES = "files.sqlite"

_ABANDONED_SECONDS = 3600.0
_UNITS = {
    "": 1,
    "B": 1,
    **{f"{letter}B": 1000**power for power, letter in enumerate("KMGT", start=1)},
    **{f"{letter}IB": 1024**power for power, letter in enumerate("KMGT", start=1)},
}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A store of features, or a converted network.

    Args:
        kind: `"features"` or `"engines"`.
        name: Name of its folder.
        files: What lies in it.
        num_bytes: Size of all of them.
        used: Time of the last use, in seconds since the epoch.
    """

    kind: str
    name: str
    files: tuple[Path, ...]
    num_bytes: int
    used: float


def cache_folder() -> Path:
    """Returns the folder of the cache: KERASTL_CACHE, or the platform's place for caches."""
    given = os.environ.get(FOLDER_VARIABLE)
    if given:
        return Path(given).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("kerastl", appauthor=False))


def size_limit() -> int:
    """Returns how many bytes the cache may hold: KERASTL_CACHE_LIMIT, or 10 GB."""
    return parse_size(os.environ.get(LIMIT_VARIABLE) or DEFAULT_LIMIT, where=LIMIT_VARIABLE)


def parse_size(text: str, *, where: str) -> int:
    """Returns the bytes that a text such as `5GB`, `500 MB` or `2GiB` stands for.

    Args:
        text: A number and a unit; without a unit it is bytes.
        where: What the text was given as, for the message.

    Raises:
        CacheError: The text is no size.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", text, re.IGNORECASE)
    unit = match.group(2).upper() if match else ""
    if match is None or unit not in _UNITS:
        raise CacheError(
            "The cache's limit is no size.",
            where=where,
            expected="a number and a unit, such as 5GB or 500MB",
            received=f"'{text}'",
        )
    return int(float(match.group(1)) * _UNITS[unit])


def entries(folder: Path) -> list[Entry]:
    """Returns what the cache holds, the oldest use first."""
    found = [
        _entry(kind, inner)
        for kind in (FEATURES, ENGINES)
        for inner in _children(folder / kind)
        if inner.is_dir()
    ]
    return sorted(found, key=lambda entry: (entry.used, entry.name))


def prune(folder: Path, limit: int, *, now: float | None = None) -> int:
    """Deletes the files whose use lies longest back until the rest fits, and abandoned ones.

    Args:
        folder: Folder of the cache.
        limit: Bytes that may stay.
        now: Time in seconds since the epoch; None asks the clock.

    Returns:
        The bytes that were freed.
    """
    now = time.time() if now is None else now
    freed = sum(_remove_abandoned(child, now) for child in _all_folders(folder))
    sized = [(*_used_and_size(path), path) for path in _units(folder)]
    excess = sum(size for _, size, _ in sized) - limit
    for _, size, path in sorted(sized, key=lambda item: (item[0], str(item[2]))):
        if excess <= 0:
            break
        _remove(path)
        excess -= size
        freed += size
    _remove_empty(folder)
    return freed


def clear(folder: Path) -> int:
    """Deletes everything that kerastl put into the cache; returns the bytes that were freed."""
    freed = 0
    for name in (FEATURES, ENGINES, HASHES):
        freed += sum(_used_and_size(path)[1] for path in _files([folder / name]))
        _remove(folder / name)
    for leftover in _children(folder):
        if leftover.name.startswith(HASHES):
            _remove(leftover)
    return freed


def touch(path: Path) -> None:
    """Marks a file as used now, where that is allowed."""
    try:
        os.utime(path)
    except OSError:
        return


def _entry(kind: str, folder: Path) -> Entry:
    files = tuple(_files([folder]))
    facts = [_used_and_size(path) for path in files]
    return Entry(
        kind=kind,
        name=folder.name,
        files=files,
        num_bytes=sum(size for _, size in facts),
        used=max((used for used, _ in facts), default=0.0),
    )


def _units(folder: Path) -> list[Path]:
    """Returns what is deleted as one: a file of features, or the folder of a converted network."""
    segments = [
        path
        for store in _children(folder / FEATURES)
        for path in _children(store)
        if path.suffix == ".features"
    ]
    return [*segments, *_children(folder / ENGINES)]


def _used_and_size(path: Path) -> tuple[float, int]:
    facts = [_stat(file) for file in _files([path])]
    return max((used for used, _ in facts), default=0.0), sum(size for _, size in facts)


def _stat(path: Path) -> tuple[float, int]:
    try:
        status = path.stat()
    except OSError:
        return 0.0, 0
    return status.st_mtime, status.st_size


def _files(paths: Iterable[Path]) -> Sequence[Path]:
    found: list[Path] = []
    for path in paths:
        found.extend(_files(_children(path)) if path.is_dir() else [path])
    return found


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _all_folders(folder: Path) -> list[Path]:
    kinds = [folder / FEATURES, folder / ENGINES]
    return [*kinds, *(child for kind in kinds for child in _children(kind) if child.is_dir())]


def _remove_abandoned(folder: Path, now: float) -> int:
    freed = 0
    for path in _children(folder):
        used, size = _used_and_size(path)
        if path.name.startswith(WRITING) and now - used > _ABANDONED_SECONDS:
            _remove(path)
            freed += size
    return freed


def _remove_empty(folder: Path) -> None:
    for store in _children(folder / FEATURES):
        if store.is_dir() and not any(path.suffix == ".features" for path in _children(store)):
            writing = any(path.name.startswith(WRITING) for path in _children(store))
            if not writing:
                _remove(store)


def _remove(path: Path) -> None:
    try:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    except OSError:
        return
