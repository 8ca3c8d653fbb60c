"""SHA-256 hashes of files, stored so that an unchanged file is not read again.

Convention: a file is unchanged if its address and version are the stored ones. A version is the
size, inode, `mtime` and `ctime` (which cannot be set back) of a file on disk, or an object's ETag.
The hash of a file that changed less than two seconds ago is not stored, because another change
within the resolution of the clock would go unnoticed.
"""

import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from functools import partial
from operator import methodcaller
from pathlib import Path

from kerastl.files import in_utf8
from kerastl_runtime.media_file import MediaFile, Version, ask_each, num_readers
from kerastl_runtime.threads import in_order, num_processors

_RACY_NS = 2 * 10**9
_TIMEOUT_SECONDS = 5.0
_CHUNK = 500
_SCHEMA = """
create table if not exists versions (
    address text primary key, version text, sha256 blob
) without rowid
"""


class FileHashes:
    """Stores the hashes of files; any error of the database only means hashing again.

    Args:
        path: The SQLite file, or None to store nothing.
    """

    def __init__(self, path: Path | None):
        self.path = path

    def recall(self, files: Sequence[MediaFile]) -> list[bytes | None]:
        """Returns the stored hash of each file, None if there is none or the file has changed."""
        known = self._select(list(map(_key, files)))
        asked = [file for file in dict.fromkeys(files) if _key(file) in known]
        versions = dict(zip(asked, ask_each(asked, methodcaller("version")), strict=True))
        unchanged = {
            file for file, found in versions.items() if found and found.text == known[_key(file)][0]
        }
        return [known[_key(file)][1] if file in unchanged else None for file in files]

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
        if self.path is None:
            return
        # Another change of a file that changed just now might leave its times as they are.
        newest = time.time_ns() - _RACY_NS
        rows = [
            (_key(file), version.text, digest)
            for file, version, digest in found
            if version is not None and version.changed_ns < newest
        ]
        with suppress(sqlite3.Error, OSError), closing(self._connect()) as database, database:
            database.executemany("insert or replace into versions values (?, ?, ?)", rows)

    def _select(self, names: Sequence[str]) -> dict[str, tuple[str, bytes]]:
        found: dict[str, tuple[str, bytes]] = {}
        if self.path is None or not self.path.is_file():
            return found
        try:
            with closing(self._connect()) as database:
                for begin in range(0, len(names), _CHUNK):
                    chosen = names[begin : begin + _CHUNK]
                    marks = ",".join("?" * len(chosen))
                    query = f"select * from versions where address in ({marks})"
                    for address, version, digest in database.execute(query, chosen):
                        found[address] = (version, digest)
        except (sqlite3.OperationalError, OSError):  # locked or unreadable
            pass
        except sqlite3.DatabaseError:  # damaged
            self.path.unlink(missing_ok=True)
        return found

    def _connect(self) -> sqlite3.Connection:
        assert self.path is not None
        self.path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self.path, timeout=_TIMEOUT_SECONDS)
        database.execute("drop table if exists files")  # of kerastl 0.1
        database.execute(_SCHEMA)
        return database


def _key(file: MediaFile) -> str:
    return in_utf8(str(file))


def _version_and_hash(file: MediaFile) -> tuple[Version | None, bytes] | None:
    """Returns the version of a file before it was read, and its SHA-256; None if unreadable."""
    version = file.version()
    try:
        return version, file.sha256()
    except OSError:
        return None
