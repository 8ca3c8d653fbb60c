"""Scratch arrays: in memory if there is room, otherwise in a temporary file without a name.

Convention: the disk space of a scratch array is free again when nothing refers to the array, or
when the process ends, however it ends.
"""

import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import numpy as np

from kerastl.errors import KerastlError

MEMORY_SHARE = 0.25  # of the available memory, which one array may take
_UNKNOWN_MEMORY = 2 * 2**30  # counts as available on systems that do not tell
# Files of a control group with its limit, its use, and the part of it that is only cached.
_GROUP_FILES = (
    ("memory.max", "memory.current", "inactive_file "),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "),
)


def scratch_array(shape: tuple[int, ...], dtype: np.typing.DTypeLike) -> np.ndarray:
    """Returns an array of zeros, memory-mapped if it would take much of the available memory.

    Raises:
        OSError: The disk has no room for it.
    """
    num_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    if num_bytes <= MEMORY_SHARE * available_memory():
        return np.zeros(shape, dtype)
    with tempfile.TemporaryFile(prefix="kerastl-scratch-") as file:
        _reserve(file, num_bytes)
        return np.memmap(file, dtype, "r+", shape=shape)


def float_array(shape: tuple[int, ...], what: str) -> np.ndarray:
    """Returns a scratch array of float32; the error without room names what it is for."""
    with explaining_no_room(4 * math.prod(shape), what):
        return scratch_array(shape, np.float32)


@contextmanager
def explaining_no_room(num_bytes: int, what: str) -> Iterator[None]:
    """Explains that the folder of temporary files is full, such as for "decoded images"."""
    try:
        yield
    except OSError as error:
        raise KerastlError(
            f"There is no room for the {what}.",
            where=tempfile.gettempdir(),
            expected=f"{num_bytes / 1e9:.1f} GB free",
            received=error.strerror or str(error),
            fix="Free some space, or set the environment variable TMPDIR to a folder with more "
            "room.",
        ) from error


def available_memory() -> int:
    """Returns the bytes of memory that this process can get, by the system and control groups."""
    found = [_UNKNOWN_MEMORY]
    with suppress(OSError, ValueError, IndexError):
        found = [1024 * _number_after("MemAvailable:", Path("/proc/meminfo"))]
    for folder in _control_groups():
        for limit, use, cached in _GROUP_FILES:
            with suppress(OSError, ValueError, IndexError):  # other version, or no limit
                free = int((folder / limit).read_text()) - int((folder / use).read_text())
                found.append(free + _number_after(cached, folder / "memory.stat"))
    return max(min(found), 0)


def _control_groups() -> Iterator[Path]:
    """Yields the folders of the control groups of this process, of both versions."""
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers or "memory" in controllers.split(","):
                root = Path("/sys/fs/cgroup", "memory" if controllers else "")
                own = root / path.strip("/")
                yield from (group for group in (own, *own.parents) if group.is_relative_to(root))


def _number_after(name: str, path: Path) -> int:
    return int(path.read_text().partition(name)[2].split()[0])


def _reserve(file: IO[bytes], num_bytes: int) -> None:
    """Allocates the disk space now: if the disk is full later, writing to the map is fatal."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, num_bytes)
        return
    block = bytes(2**20)
    for start in range(0, num_bytes, len(block)):
        file.write(block[: num_bytes - start])
    file.flush()
