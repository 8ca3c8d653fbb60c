"""SHA-256 hashes of files, stored so that an unchanged file is not read again.

Convention: a file is unchanged if its address and version are the stored ones. A version is the
size, inode, `mtime` and `ctime` (which cannot be set back) of a file on disk, or an object's ETag.
The hash of a file that changed less than two seconds ago is not stored, because another change
within the resolution of the clock would go unnoticed.
"""

import hashlib
import time
from collections.abc import Iterable, Sequence
from functools import partial
from operator import methodcaller
from pathlib import Path

import numpy as np

from kerastl.features.cache.cache_layers import FolderLayer, layers_below
from kerastl.features.cache.location import HASHES
from kerastl.features.cache.row_file import KEY_BYTES
from kerastl.features.cache.row_store import RowStore
from kerastl_runtime.media_file import MediaFile, Version, ask_each, num_readers
from kerastl_runtime.threads import in_order, num_processors

_RACY_NS = 2 * 10**9


class FileHashes:
    """Stores the hashes of files; whatever is damaged or cannot be written is hashed again.

    Args:
        cache: Folder of the cache, or None to store nothing.
    """

    def __init__(self, cache: Path | None):
        layer = None if cache is None else FolderLayer(cache)
        below = () if cache is None else layers_below()
        self._store = RowStore(layer, HASHES, KEY_BYTES, np.uint8, below=below)

    def recall(self, files: Sequence[MediaFile]) -> list[bytes | None]:
        """Returns the stored hash of each file, None if there is none or the file has changed."""
        if self._store.is_empty:
            return [None] * len(files)
        asked = list(dict.fromkeys(files))  # cuts share files
        versions = ask_each(asked, methodcaller("version"))
        hashes = np.zeros((len(asked), KEY_BYTES), np.uint8)
        keys = [
            version and _key(file, version) for file, version in zip(asked, versions, strict=True)
        ]
        found = self._store.read_into(hashes, np.arange(len(asked)), keys)
        known = {file: hashes[row].tobytes() for row, file in enumerate(asked) if found[row]}
        return [known.get(file) for file in files]

    def hash_files(self, files: Sequence[MediaFile]) -> list[bytes | None]:
        """Returns the hash of each file, reading those without a stored one; None if unreadable."""
        hashes = self.recall(files)
        missing = [row for row, digest in enumerate(hashes) if digest is None]
        unknown = list(dict.fromkeys(files[row] for row in missing))  # cuts share files
        tasks = (partial(_version_and_hash, file) for file in unknown)
        num_threads = num_readers(unknown) or num_processors() + 4
        found_in_order = in_order(tasks, num_ahead=64, num_threads=num_threads)
        read = dict(zip(unknown, found_in_order, strict=True))
        for row in missing:
            found = read[files[row]]
            hashes[row] = None if found is None else found[1]
        self.remember((file, *found) for file, found in read.items() if found is not None)
        return hashes

    def remember(self, found: Iterable[tuple[MediaFile, Version | None, bytes]]) -> None:
        """Stores hashes, each with the file and its version before it was read."""
        # Another change of a file that changed just now might leave its times as they are.
        newest = time.time_ns() - _RACY_NS
        rows = {
            _key(file, version): digest
            for file, version, digest in found
            if version is not None and digest and version.changed_ns < newest
        }
        if rows:
            digests = np.frombuffer(b"".join(rows.values()), np.uint8)
            self._store.add(list(rows), digests.reshape(len(rows), KEY_BYTES))
            self._store.close()


def _key(file: MediaFile, version: Version) -> bytes:
    address = str(file).encode("utf-8", "surrogateescape")
    return hashlib.sha256(b"%s\0%s" % (address, version.text.encode())).digest()


def _version_and_hash(file: MediaFile) -> tuple[Version | None, bytes] | None:
    """Returns the version of a file before it was read, and its SHA-256; None if unreadable."""
    version = file.version()
    try:
        return version, file.sha256()
    except OSError:
        return None
