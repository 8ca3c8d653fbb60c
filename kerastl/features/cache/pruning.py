"""Contents of the cache, and what is deleted from it first.

Convention: everything in the cache can be computed again, so any of it may be deleted at any time.
"""

import contextlib
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from kerastl.features.cache.location import ENGINES, FEATURES, HASHES, SUFFIX
from kerastl.files import WRITING

_ABANDONED_SECONDS = 3600.0


@dataclass(frozen=True, kw_only=True)
class CacheEntry:
    """The features that one network computes in one precision, or a converted network.

    Args:
        kind: `"features"` or `"engines"`.
        name: Name of its folder.
        files: Its files.
        num_bytes: Total size of the files.
        used: Time of the last use, in seconds since the epoch.
    """

    kind: str
    name: str
    files: tuple[Path, ...]
    num_bytes: int
    used: float


def list_entries(folder: Path) -> list[CacheEntry]:
    """Returns the entries of a cache, least recently used first."""
    found = [
        _entry(kind, inner)
        for kind in (FEATURES, ENGINES)
        for inner in _children(folder / kind)
        if inner.is_dir()
    ]
    return sorted(found, key=lambda entry: (entry.used, entry.name))


def prune(folder: Path, limit: int, *, now: float | None = None) -> int:
    """Deletes abandoned temporary files, then the least recently used files above the limit.

    Args:
        folder: Folder of the cache.
        limit: Maximum size of the cache in bytes.
        now: Time in seconds since the epoch; None is the present time.

    Returns:
        The number of bytes that were freed.
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
    """Deletes everything that kerastl stored in a cache; returns the number of bytes freed."""
    freed = 0
    for name in (FEATURES, ENGINES, HASHES):
        freed += _used_and_size(folder / name)[1]
        _remove(folder / name)
    for leftover in _children(folder):
        if leftover.name.startswith(HASHES):
            _remove(leftover)
    return freed


def _entry(kind: str, folder: Path) -> CacheEntry:
    used, num_bytes = _used_and_size(folder)
    return CacheEntry(
        kind=kind,
        name=folder.name,
        files=tuple(sorted(_files(folder))),
        num_bytes=num_bytes,
        used=used,
    )


def _units(folder: Path) -> list[Path]:
    """Returns what is deleted as a whole: files of features, and folders of converted networks."""
    files = [
        path
        for store in _children(folder / FEATURES)
        for path in _children(store)
        if path.suffix == SUFFIX
    ]
    return [*files, *_children(folder / ENGINES)]


def _used_and_size(path: Path) -> tuple[float, int]:
    facts = [_stat(file) for file in _files(path)]
    return max((used for used, _ in facts), default=0.0), sum(size for _, size in facts)


def _stat(path: Path) -> tuple[float, int]:
    try:
        status = path.stat()
    except OSError:
        return 0.0, 0
    return status.st_mtime, status.st_size


def _files(path: Path) -> list[Path]:
    """Returns a file itself, or all files below a folder."""
    if not path.is_dir():
        return [path]
    return [Path(folder, name) for folder, _, names in os.walk(path) for name in names]


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
        names = [path.name for path in _children(store)]
        if store.is_dir() and not any(n.endswith(SUFFIX) or n.startswith(WRITING) for n in names):
            _remove(store)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
