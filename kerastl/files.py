"""Files: written whole or not at all, and hashed.

Convention: a file is written under a temporary name in the same folder and then renamed, so a crash
leaves either the old or the new file. Temporary names start with `WRITING`.
"""

import errno
import json
import math
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kerastl_runtime.files import exists

WRITING = ".writing-"


def is_own(path: Path, *others: int) -> bool:
    """Whether a file belongs to the user of this process, or to one of other user ids.

    True on systems without user ids.
    """
    return not hasattr(os, "getuid") or path.stat().st_uid in (os.getuid(), *others)


def in_utf8(name: str) -> str:
    """Returns the name of a file as text that can be written; bytes that are not UTF-8 are "�"."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def require_writable(path: Path) -> None:
    """Raises an `OSError` if a file cannot be written at a path; writes nothing."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    folder = next(parent for parent in path.absolute().parents if exists(parent))
    probe = temporary_path(folder / path.name)
    probe.touch()
    probe.unlink()


def temporary_path(path: Path) -> Path:
    """Returns a new path in the same folder, for writing what will be renamed to `path`."""
    return path.with_name(f"{WRITING}{os.getpid()}-{uuid.uuid4().hex}-{path.name}")


def remove_abandoned(path: Path) -> None:
    """Removes what ended processes left under the temporary names of a file or folder."""
    named = re.compile(rf"{re.escape(WRITING)}(\d+)-[0-9a-f]{{32}}-{re.escape(path.name)}")
    for other in path.parent.glob(f"{WRITING}*"):
        match = named.fullmatch(other.name)
        if match is None or (int(match[1]) != os.getpid() and Path("/proc", match[1]).exists()):
            continue
        if other.is_dir():
            shutil.rmtree(other, ignore_errors=True)
        else:
            other.unlink(missing_ok=True)


@contextmanager
def replacing(path: Path, *, sync: bool = False) -> Iterator[Path]:
    """Yields a temporary path with the same suffix; renames it to `path` on success.

    The folder is created, and what killed processes left of the file is removed. With `sync`, the
    content is forced to disk first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(path)
    temporary = temporary_path(path)
    try:
        yield temporary
        if sync:
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes a text file in UTF-8."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON file; NaN becomes null."""
    text = json.dumps(without_nan(value), indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def write_with(path: Path, write: Callable[[Path], Any]) -> None:
    """Calls `write` with a temporary path and renames the file to `path`."""
    with replacing(path) as temporary:
        write(temporary)


def without_nan(value: Any) -> Any:
    """Returns nested lists and mappings in which every NaN and infinity is None."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
