"""Scratch arrays: in memory if they are small, otherwise in a temporary file without a name.

Convention: the disk space of a scratch array is free again when nothing refers to the array, or
when the process ends, however it ends.
"""

import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import numpy as np

from kerastl.errors import KerastlError

MAX_MEMORY_BYTES = 512 * 2**20


def scratch_array(shape: tuple[int, ...], dtype: np.typing.DTypeLike) -> np.ndarray:
    """Returns an array of zeros; above `MAX_MEMORY_BYTES` it is a memory-mapped temporary file."""
    num_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    if num_bytes <= MAX_MEMORY_BYTES:
        return np.zeros(shape, dtype)
    with tempfile.TemporaryFile(prefix="kerastl-scratch-") as file:
        _reserve(file, num_bytes)
        return np.memmap(file, dtype, "r+", shape=shape)


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


def _reserve(file: IO[bytes], num_bytes: int) -> None:
    """Allocates the disk space now: if the disk is full later, writing to the map is fatal."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, num_bytes)
        return
    block = bytes(2**20)
    for start in range(0, num_bytes, len(block)):
        file.write(block[: num_bytes - start])
    file.flush()
