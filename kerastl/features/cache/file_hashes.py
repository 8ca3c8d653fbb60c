"""SHA-256 hashes of files, stored so that an unchanged file is not read again.

Convention: a file is unchanged if its path, size, inode, `mtime` and `ctime` (which cannot be set
back) are the stored ones. The hash of a file that changed less than two seconds ago is not stored,
because another change within the resolution of the clock would go unnoticed.
"""

import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

from kerastl.files import FileStatus, file_sha256
from kerastl.threads import in_order, num_processors

_RACY_NS = 2 * 10**9
_TIMEOUT_SECONDS = 5.0
_CHUNK = 500
_SCHEMA = """
create table if not exists files (
    path text primary key, size integer, inode integer, mtime integer, ctime integer, sha256 blob
) without rowid
"""


class FileHashes:
    """Stores the hashes of files; any error of the database only means hashing again.

    Args:
        path: The SQLite file, or None to store nothing.
    """

    def __init__(self, path: Path | None):
        self.path = path

    def recall(self, paths: Sequence[Path]) -> list[bytes | None]:
        """Returns the stored hash of each file, None if there is none or the file has changed."""
        names = [str(path.absolute()) for path in paths]
        known = self._select(names)
        return [
            known[name][1] if name in known and known[name][0] == FileStatus.of(path) else None
            for name, path in zip(names, paths, strict=True)
        ]

    def hash_files(self, paths: Sequence[Path]) -> list[bytes | None]:
        """Returns the hash of each file, reading those without a stored one; None if unreadable."""
        hashes = self.recall(paths)
        missing = [row for row, digest in enumerate(hashes) if digest is None]
        unknown = list(dict.fromkeys(paths[row] for row in missing))  # cuts share files
        tasks = (partial(_status_and_hash, path) for path in unknown)
        found_in_order = in_order(tasks, num_ahead=64, num_threads=num_processors() + 4)
        read = dict(zip(unknown, found_in_order, strict=True))
        for row in missing:
            found = read[paths[row]]
            hashes[row] = None if found is None else found[1]
        self.remember((path, *found) for path, found in read.items() if found is not None)
        return hashes

    def remember(self, found: Iterable[tuple[Path, FileStatus | None, bytes]]) -> None:
        """Stores hashes, each with the path and the status of the file before it was read."""
        if self.path is None:
            return
        # Another change of a file that changed just now might leave its times as they are.
        newest = time.time_ns() - _RACY_NS
        rows = [
            (str(path.absolute()), s.size, s.inode, s.mtime, s.ctime, digest)
            for path, s, digest in found
            if s is not None and max(s.mtime, s.ctime) < newest
        ]
        with suppress(sqlite3.Error, OSError), closing(self._connect()) as database, database:
            database.executemany("insert or replace into files values (?, ?, ?, ?, ?, ?)", rows)

    def _select(self, names: Sequence[str]) -> dict[str, tuple[FileStatus, bytes]]:
        found: dict[str, tuple[FileStatus, bytes]] = {}
        if self.path is None or not self.path.is_file():
            return found
        try:
            with closing(self._connect()) as database:
                for begin in range(0, len(names), _CHUNK):
                    chosen = names[begin : begin + _CHUNK]
                    marks = ",".join("?" * len(chosen))
                    query = f"select * from files where path in ({marks})"
                    for path, *status, digest in database.execute(query, chosen):
                        found[path] = (FileStatus(*status), digest)
        except (sqlite3.OperationalError, OSError):  # locked or unreadable
            pass
        except sqlite3.DatabaseError:  # damaged
            self.path.unlink(missing_ok=True)
        return found

    def _connect(self) -> sqlite3.Connection:
        assert self.path is not None
        self.path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self.path, timeout=_TIMEOUT_SECONDS)
        database.execute(_SCHEMA)
        return database


def _status_and_hash(path: Path) -> tuple[FileStatus | None, bytes] | None:
    """Returns the status of a file before it was read, and its SHA-256; None if unreadable."""
    status = FileStatus.of(path)
    try:
        return status, file_sha256(path)
    except OSError:
        return None
