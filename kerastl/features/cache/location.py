"""Location and size limit of the cache.

Convention: the last use of a file is its modification time, so each reader of a file in the cache
touches it.
"""

import contextlib
import os
import re
from pathlib import Path

import platformdirs

from kerastl.errors import CacheError
from kerastl.files import WRITING

FOLDER_VARIABLE = "KERASTL_CACHE"
LIMIT_VARIABLE = "KERASTL_CACHE_LIMIT"
DEFAULT_LIMIT = "10GB"
FEATURES = "features"
ENGINES = "engines"
MODELS = "models"
HASHES = "hashes"
SUFFIX = ".features"

_UNITS = {"": 1, "B": 1} | {
    f"{letter}{unit}": base**power
    for power, letter in enumerate("KMGT", start=1)
    for unit, base in (("B", 1000), ("IB", 1024))
}


def cache_folder() -> Path:
    """Returns the folder of the cache: KERASTL_CACHE, or the platform's folder for caches.

    Raises:
        CacheError: KERASTL_CACHE is not set, and the user has no home folder.
    """
    given = os.environ.get(FOLDER_VARIABLE)
    if given:
        return Path(given).expanduser()
    try:
        return Path(platformdirs.user_cache_dir("kerastl", appauthor=False))
    except RuntimeError:
        raise CacheError(
            "There is no place for the cache, because this user has no home folder.",
            fix=f"Set {FOLDER_VARIABLE} or HOME to a folder of your own.",
        ) from None


def size_limit() -> int:
    """Returns the maximum size of the cache in bytes: KERASTL_CACHE_LIMIT, or 10 GB."""
    return parse_size(os.environ.get(LIMIT_VARIABLE) or DEFAULT_LIMIT, where=LIMIT_VARIABLE)


def parse_size(text: str, *, where: str) -> int:
    """Returns the number of bytes in a text such as `5GB`, `500 MB` or `2GiB`.

    Args:
        text: A number and a unit; the default unit is bytes.
        where: The option or variable that holds the text, for the error message.

    Raises:
        CacheError: The text is not a size.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", text, re.IGNORECASE)
    unit = match.group(2).upper() if match else ""
    if match is None or unit not in _UNITS:
        raise CacheError(
            "The size limit of the cache is not a size.",
            where=where,
            expected="a number and a unit, such as 5GB or 500MB",
            received=f"'{text}'",
        )
    return int(float(match.group(1)) * _UNITS[unit])


def children(folder: Path) -> list[Path]:
    """Returns what is in a folder, by name; nothing if it cannot be read."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def feature_files(folder: Path) -> list[Path]:
    """Returns the complete files of features in a folder, without those that are being written."""
    return [
        path
        for path in children(folder)
        if path.suffix == SUFFIX and not path.name.startswith(WRITING)
    ]


def touch(path: Path) -> None:
    """Marks a file as used now, if the file system allows it."""
    with contextlib.suppress(OSError):
        os.utime(path)
