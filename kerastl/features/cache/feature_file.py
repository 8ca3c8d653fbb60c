"""The format of a file of features, which is written once and never changed.

Convention: a file begins with its keys and the checksums of its rows, which have a checksum of
their own. So a truncated file is detected before any row is used, and a damaged row is a miss.
Layout, little-endian:

    magic (8) · rows (8) · dim (4) · checksum of keys and checksums (4)
    keys (rows × 32) · checksums (rows × 4) · rows (rows × dim × 4)
"""

import contextlib
import os
import struct
import uuid
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from kerastl.features.cache.location import SUFFIX, touch
from kerastl.files import replacing

KEY_BYTES = 32

_MAGIC = b"KTLFEAT1"
_HEADER = struct.Struct("<8sQII")


@dataclass(frozen=True, kw_only=True)
class FeatureFile:
    """A file of features, opened for reading.

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
        """The rows, `(rows, dim)` float32; memory-mapped."""
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
            OSError: The file has been deleted.
        """
        values = np.array(self.rows[rows])
        intact = np.fromiter(map(zlib.crc32, values), np.uint32, len(rows)) == self.checksums[rows]
        touch(self.path)
        return values, intact


def write_feature_file(folder: Path, keys: list[bytes], values: np.ndarray) -> Path:
    """Writes a file under a new name; a crash leaves at most a temporary file.

    Args:
        folder: Folder of the store; it is created.
        keys: Key of each row, 32 bytes.
        values: `(rows, dim)`.

    Raises:
        OSError: The disk is full or read-only.
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


def read_feature_file(path: Path, dim: int) -> FeatureFile | None:
    """Reads the keys of a file; returns None if it has been deleted, is truncated or damaged.

    A damaged file is deleted, because none of its rows can be trusted.
    """
    try:
        with path.open("rb") as file:
            num_bytes = os.fstat(file.fileno()).st_size
            num_rows, checksum = _parse_header(file.read(_HEADER.size), num_bytes, dim)
            index = file.read(num_rows * (KEY_BYTES + 4))
        if zlib.crc32(index) != checksum:
            raise ValueError("damaged keys")
    except OSError:
        return None
    except ValueError:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        return None
    keys = index[: num_rows * KEY_BYTES]
    return FeatureFile(
        path=path,
        keys=tuple(keys[i : i + KEY_BYTES] for i in range(0, len(keys), KEY_BYTES)),
        checksums=np.frombuffer(index, "<u4", offset=num_rows * KEY_BYTES),
        dim=dim,
    )


def _parse_header(header: bytes, num_bytes: int, dim: int) -> tuple[int, int]:
    """Returns the number of rows and the checksum of what follows.

    Raises:
        ValueError: This is not the header of a file of this size with rows of this length.
    """
    if len(header) < _HEADER.size or not header.startswith(_MAGIC):
        raise ValueError("not a file of features")
    _, num_rows, stored_dim, checksum = _HEADER.unpack(header)
    if stored_dim != dim or num_bytes != _data_offset(num_rows) + num_rows * dim * 4:
        raise ValueError("truncated, or of another length")
    return num_rows, checksum


def _data_offset(num_rows: int) -> int:
    return _HEADER.size + num_rows * (KEY_BYTES + 4)
