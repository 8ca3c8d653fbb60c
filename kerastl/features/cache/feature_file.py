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
from pathlib import Path

import numpy as np

from kerastl.features.cache.location import SUFFIX, touch
from kerastl.files import replacing

KEY_BYTES = 32

_MAGIC = b"KTLFEAT1"
_HEADER = struct.Struct("<8sQII")


@dataclass(frozen=True, kw_only=True)
class FeatureFile:
    """A file of features, whose rows of length `dim` are read on demand.

    Args:
        keys: Key of each row.
        checksums: CRC-32 of each row.
    """

    path: Path
    keys: tuple[bytes, ...]
    checksums: np.ndarray
    dim: int

    def read(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the rows at these indices, and which of them are undamaged.

        Raises:
            OSError: The file has been deleted.
            ValueError: The file has been truncated.
        """
        shape = (len(self.keys), self.dim)
        stored = np.memmap(self.path, "<f4", "r", offset=_data_offset(len(self.keys)), shape=shape)
        values = np.array(stored[rows])
        intact = np.fromiter(map(zlib.crc32, values), np.uint32, len(rows)) == self.checksums[rows]
        touch(self.path)
        return values, intact


def write_feature_file(folder: Path, keys: list[bytes], values: np.ndarray) -> Path:
    """Writes a file under a new name; a crash leaves at most a temporary file.

    Args:
        folder: Folder of the store; it is created.
        keys: Key of each row of `values`, 32 bytes.

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
            magic, num_rows, stored_dim, checksum = _HEADER.unpack(file.read(_HEADER.size))
            num_bytes = _data_offset(num_rows) + num_rows * dim * 4
            if (magic, stored_dim, os.fstat(file.fileno()).st_size) != (_MAGIC, dim, num_bytes):
                raise ValueError("truncated, or not a file of features of this length")
            index = file.read(num_rows * (KEY_BYTES + 4))
        if zlib.crc32(index) != checksum:
            raise ValueError("damaged keys")
    except OSError:
        return None
    except (ValueError, struct.error):
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        return None
    return FeatureFile(
        path=path,
        keys=tuple(index[n * KEY_BYTES : (n + 1) * KEY_BYTES] for n in range(num_rows)),
        checksums=np.frombuffer(index, "<u4", offset=num_rows * KEY_BYTES),
        dim=dim,
    )


def _data_offset(num_rows: int) -> int:
    return _HEADER.size + num_rows * (KEY_BYTES + 4)
