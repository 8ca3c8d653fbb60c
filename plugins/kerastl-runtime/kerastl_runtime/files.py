"""Files from any source: read within limits, and hashed."""

import errno
import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any

MAX_JSON_BYTES = 2**28
MAX_JSON_DEPTH = 50
_TOO_DEEP = "lists and mappings nested too deeply"


def require_regular(path: Path) -> None:
    """Raises an `OSError` if a path is a pipe or device, whose reading may never end."""
    try:
        mode = path.stat().st_mode
    except ValueError as error:  # a null character
        raise OSError(errno.EINVAL, str(error), str(path)) from None
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(errno.EINVAL, "not a regular file", str(path))


def exists(path: Path) -> bool:
    """Whether a file or folder exists; False for a text that cannot be a path."""
    return os.path.exists(path)  # noqa: PTH110  # Path.exists fails if a name is too long


def read_json(
    path: Path, *, max_bytes: int = MAX_JSON_BYTES, max_depth: int | None = MAX_JSON_DEPTH
) -> Any:
    """Returns the value in a JSON file from any source, or raises a `ValueError`.

    Args:
        path: The file.
        max_bytes: Largest size of the file.
        max_depth: Most levels of nesting; None is what Python can read.
    """
    require_regular(path)
    refuse_more(path.stat().st_size, max_bytes, "bytes")
    return parse_json(path.read_bytes(), max_depth=max_depth)


def refuse_more(count: int, most: int, noun: str) -> None:
    """Raises a `ValueError` if a file contains more of something, in the plural, than is read."""
    if count > most:
        raise ValueError(f"{count:,} {noun}; at most {most:,} are read")


def parse_json(data: bytes, *, max_depth: int | None) -> Any:
    """Returns the value of JSON in UTF-8, or raises a `ValueError`; see `read_json`."""
    try:
        value = json.loads(data.decode("utf-8"))
        if max_depth is not None and (b"\\ud" in data or b"\\uD" in data):
            json.dumps(value, ensure_ascii=False).encode()  # refuses text that cannot be written
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    level = [] if max_depth is None else [value]
    for _ in range(max_depth or 0):
        nested = (item for item in level if isinstance(item, dict | list))
        level = [x for item in nested for x in (item.values() if isinstance(item, dict) else item)]
    if level:
        raise ValueError(_TOO_DEEP)
    return value


def file_sha256(path: Path) -> bytes:
    """Returns the SHA-256 of the bytes of a regular file, or raises an `OSError`."""
    require_regular(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
