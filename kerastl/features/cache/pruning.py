"""Contents of the cache, and what is deleted from it first.

Convention: everything in the cache can be computed again, so any of it may be deleted at any time.
"""

import contextlib
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from kerastl.features.cache.location import (
    ENGINES,
    FEATURES,
    HASHES,
    MODELS,
    children,
    feature_files,
)
from kerastl.files import WRITING

_ABANDONED_SECONDS = 3600.0
_WHOLE = (ENGINES, MODELS)  # kinds whose entries are deleted as a whole
_OLD = "files.sqlite"  # the hashes of files until version 0.1


@dataclass(frozen=True, kw_only=True)
class CacheEntry:
    """The features that one network computes in one precision, a converted network, or a model."""

    kind: str  # "features", "hashes", "engines" or "models"
    name: str  # of its folder
    num_files: int
    num_bytes: int
    used: float  # the last time, in seconds since the epoch


def list_entries(folder: Path) -> list[CacheEntry]:
    """Returns the entries of a cache, least recently used first."""
    found = []
    for kind in (FEATURES, HASHES, *_WHOLE):
        places = [folder / kind] if kind == HASHES else children(folder / kind)
        for path in filter(Path.is_dir, places):
            used, num_bytes = _used_and_size(path)
            entry = CacheEntry(
                kind=kind,
                name=path.name,
                num_files=len(_files(path)),
                num_bytes=num_bytes,
                used=used,
            )
            found.append(entry)
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
    stores = [path for path in children(folder / FEATURES) if path.is_dir()]
    stores += filter(Path.is_dir, [folder / HASHES])
    freed = _remove_abandoned(folder, time.time() if now is None else now)
    freed += sum(map(_remove, folder.glob(f"{_OLD}*")))
    units = [path for store in stores for path in feature_files(store)]
    units += [path for kind in _WHOLE for path in children(folder / kind)]
    sized = [(*_used_and_size(path), path) for path in units]
    excess = sum(size for _, size, _ in sized) - limit
    for _, size, path in sorted(sized, key=lambda item: (item[0], str(item[2]))):
        if excess <= 0:
            break
        excess -= size
        freed += _remove(path)
    for store in stores:
        names = [path.name for path in children(store)]
        if not feature_files(store) and not any(name.startswith(WRITING) for name in names):
            _remove(store)
    return freed


def clear(folder: Path) -> int:
    """Deletes everything that kerastl stored in a cache; returns the number of bytes freed."""
    return sum(
        _remove(path)
        for path in children(folder)
        if path.name in (FEATURES, HASHES, *_WHOLE) or path.name.startswith(_OLD)
    )


def _remove_abandoned(folder: Path, now: float) -> int:
    kinds = [folder / kind for kind in (FEATURES, HASHES, *_WHOLE)]
    folders = [*kinds, *(child for kind in kinds for child in children(kind))]
    return sum(
        _remove(path)
        for path in (path for folder in folders for path in children(folder))
        if path.name.startswith(WRITING) and now - _used_and_size(path)[0] > _ABANDONED_SECONDS
    )


def _used_and_size(path: Path) -> tuple[float, int]:
    """Returns the time of the last use, and the size in bytes, of a file or all files below it."""
    used, num_bytes = 0.0, 0
    for file in _files(path):
        with contextlib.suppress(OSError):
            status = file.stat()
            used, num_bytes = max(used, status.st_mtime), num_bytes + status.st_size
    return used, num_bytes


def _files(path: Path) -> list[Path]:
    """Returns a file itself, or all files below a folder."""
    if not path.is_dir():
        return [path]
    return [Path(folder, name) for folder, _, names in os.walk(path) for name in names]


def _remove(path: Path) -> int:
    """Deletes a file or folder, if possible; returns the number of its bytes."""
    num_bytes = _used_and_size(path)[1]
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
    return num_bytes
