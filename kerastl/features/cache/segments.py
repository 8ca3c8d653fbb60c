"""One file of features: written once, whole, under a temporary name, then renamed.

Convention: a segment begins with its keys and the checksums of its rows, themselves under a
checksum. So a file that was cut off is recognized before a row of it is used, and a row that was
damaged later is a miss. Layout, little-endian:

    magic (8) · rows (8) · dim (4) · checksum of what follows up to the rows (4)
    keys (rows × 32) · checksums (rows × 4) · rows (rows × dim × 4)
"""

import os
import struct
import uuid
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from kerastl.features.cache.folder import touch
from kerastl.files import replacing

SUFFIX = ".features"
KEY_BYTES = 32

_MAGIC = b"KTLFEAT1"
_HEADER = struct.Struct("<8sQII")


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A finished file of features.

    Args:
        path: The file.
        keys: Key of each row.
        checksums: CRC-32 of each row.
        dim: Length of a row.
    """

    path: Path
    keys: tuple[bytes, ...]
    checksums: np.ndarray
    dim: int

    @cached_property
    def rows(self) -> np.ndarray:
        """The rows as they lie on disk, `(rows, dim)` float32; memory-mapped."""
        return np.memmap(
            self.path,
            "<f4",
            "r",
            offset=_data_offset(len(self.keys)),
            shape=(len(self.keys), self.dim),
        )

    def read(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the rows at these indices, and which of them are undamaged.

        Raises:
            OSError: The file is gone.
        """
        values = np.array(self.rows[rows])
        intact = np.fromiter(map(zlib.crc32, values), np.uint32, len(rows)) == self.checksums[rows]
        touch(self.path)
        return values, intact


def write_segment(folder: Path, keys: list[bytes], values: np.ndarray) -> Path:
    """Writes a segment under a name of its own; a crash leaves at most a temporary file.

    Args:
        folder: Folder of the store.
        keys: Key of each row, 32 bytes.
        values: `(rows, dim)`.

    Raises:
        OSError: The disk is full or refuses.
    """
    values = np.ascontiguousarray(values, "<f4")
    checksums = np.fromiter(map(zlib.crc32, values), np.uint32, len(values))
    index = b"".join(keys) + checksums.astype("<u4").tobytes()
    header = _HEADER.pack(_MAGIC, len(keys), values.shape[1], zlib.crc32(index))
    final = folder / f"{uuid.uuid4().hex}{SUFFIX}"
    with replacing(final, sync=True) as temporary, temporary.open("xb") as file:
        file.write(header + index)
        file.write(values.data)
    return final


def read_segment(path: Path, dim: int) -> Segment | None:
    """Reads the index of a segment; None where the file is gone, cut off or damaged.

    A damaged file is deleted: no row of it can be trusted.
    """
    try:
        with path.open("rb") as file:
            num_bytes = os.fstat(file.fileno()).st_size
            header = file.read(_HEADER.size)
            if len(header) < _HEADER.size or not header.startswith(_MAGIC):
                _discard(path)
                return None
            _, num_rows, stored_dim, checksum = _HEADER.unpack(header)
            if num_bytes != _data_offset(num_rows) + num_rows * stored_dim * 4 or stored_dim != dim:
                _discard(path)
                return None
            index = file.read(num_rows * (KEY_BYTES + 4))
    except OSError:
        return None
    if zlib.crc32(index) != checksum:
        _discard(path)
        return None
    keys = index[: num_rows * KEY_BYTES]
    return Segment(
        path=path,
        keys=tuple(keys[i : i + KEY_BYTES] for i in range(0, len(keys), KEY_BYTES)),
        checksums=np.frombuffer(index, "<u4", offset=num_rows * KEY_BYTES),
        dim=dim,
    )


def _data_offset(num_rows: int) -> int:
    return _HEADER.size + num_rows * (KEY_BYTES + 4)


def _discard(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return
