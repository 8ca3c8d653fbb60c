"""The format of a file of rows by key, which is written once and never changed.

Convention: a file begins with its keys and the checksums of its rows, which have a checksum of
their own. So a truncated file is detected before any row is used, and a damaged row is a miss.
Layout, little-endian:

    magic (8) · rows (8) · quarter of the bytes of a row (4) · checksum of keys and checksums (4)
    keys (rows × 32) · checksums (rows × 4) · rows
"""

import struct
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kerastl.features.cache.cache_layers import Layer
from kerastl.features.cache.location import SUFFIX

KEY_BYTES = 32

_MAGIC = b"KTLFEAT1"
_HEADER = struct.Struct("<8sQII")


@dataclass(frozen=True, kw_only=True)
class RowFile:
    """A file in a layer, whose rows are read on demand.

    Args:
        keys: Key of each row, `(rows, 4)` uint64.
        checksums: CRC-32 of each row.
        row_bytes: Length of a row.
    """

    layer: Layer
    path: str
    keys: np.ndarray
    checksums: np.ndarray
    row_bytes: int

    def read(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the rows at these indices, `(rows, row_bytes)` uint8, and which are undamaged.

        Raises:
            OSError: The file has been deleted, or the layer cannot be read.
            ValueError: The file has been truncated.
        """
        first, end = int(rows.min()), int(rows.max()) + 1
        offset = _data_offset(len(self.keys))
        begin, length = offset + first * self.row_bytes, (end - first) * self.row_bytes
        # A file that is mapped into memory and truncated by somebody else would kill the process.
        stored = np.frombuffer(self.layer.read(self.path, begin, begin + length), np.uint8)
        values = stored.reshape(end - first, self.row_bytes)[rows - first]
        intact = np.fromiter(map(zlib.crc32, values), np.uint32, len(rows)) == self.checksums[rows]
        return values, intact


def write_row_file(
    layer: Layer, folder: str, keys: Sequence[bytes] | np.ndarray, values: np.ndarray
) -> str:
    """Writes a file under a new name; a crash leaves at most a temporary file.

    Args:
        layer: The layer.
        folder: Path in the layer; it is created.
        keys: Key of each row of `values`, 32 bytes.
        values: Rows of any type, whose number of bytes is a multiple of 4.

    Returns:
        Its path in the layer.

    Raises:
        OSError: The disk is full or read-only.
    """
    rows = np.ascontiguousarray(values).view(np.uint8)
    checksums = np.fromiter(map(zlib.crc32, rows), np.uint32, len(rows))
    index = as_keys(keys).tobytes() + checksums.astype("<u4").tobytes()
    header = _HEADER.pack(_MAGIC, len(rows), rows.shape[1] // 4, zlib.crc32(index))
    path = f"{folder}/{uuid.uuid4().hex}{SUFFIX}"
    layer.write(path, b"".join((header, index, rows.data)))
    return path


def read_row_file(layer: Layer, path: str, size: int, row_bytes: int | None) -> RowFile:
    """Reads the keys of a file.

    Args:
        layer: The layer.
        path: Path in the layer.
        size: Size of the file in bytes.
        row_bytes: Length of a row, or None if any will do.

    Raises:
        OSError: The file has been deleted, or the layer cannot be read.
        ValueError: It is truncated or damaged; none of its rows can be trusted.
    """
    header = layer.read(path, 0, _HEADER.size)
    if len(header) < _HEADER.size:
        raise ValueError("truncated")
    magic, num_rows, quarter, checksum = _HEADER.unpack(header)
    offset = _data_offset(num_rows)
    expected = (_MAGIC, quarter if row_bytes is None else row_bytes // 4, size)
    if (magic, quarter, offset + num_rows * quarter * 4) != expected:
        raise ValueError("truncated, or not a file of rows of this length")
    index = layer.read(path, _HEADER.size, offset)
    if zlib.crc32(index) != checksum:
        raise ValueError("damaged keys")
    return RowFile(
        layer=layer,
        path=path,
        keys=np.frombuffer(index, "<u8", count=num_rows * KEY_BYTES // 8).reshape(num_rows, -1),
        checksums=np.frombuffer(index, "<u4", offset=num_rows * KEY_BYTES),
        row_bytes=quarter * 4,
    )


def as_keys(keys: Sequence[bytes] | np.ndarray) -> np.ndarray:
    """Returns keys of 32 bytes as `(keys, 4)` uint64."""
    if isinstance(keys, np.ndarray):
        return keys
    return np.frombuffer(b"".join(keys), "<u8").reshape(len(keys), KEY_BYTES // 8)


def _data_offset(num_rows: int) -> int:
    return _HEADER.size + num_rows * (KEY_BYTES + 4)
