"""The hash of each file's bytes, remembered so that a file that hasn't changed isn't read again.

Convention: a file counts as unchanged where path, size, inode and the times of its last change
(`mtime`, and `ctime`, which nobody can set back) are as remembered. A file that changed less than
two seconds before it was read isn't remembered: it may change again within the clock's step.
"""

import sqlite3
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from kerastl.files import FileStatus, file_sha256

_RACY_NS = 2 * 10**9
_TIMEOUT_SECONDS = 5.0
_CHUNK = 500
_SCHEMA = """
create table if not exists files (
    path text primary key, size integer, inode integer, mtime integer, ctime integer, sha256 blob
) without rowid
"""


class FileHashes:
    """Remembers the hashes of files; where it can't, it hashes again.

    Args:
        path: The SQLite file, or None to remember nothing.
    """

    def __init__(self, path: Path | None):
        self.path = path

    def recall(self, paths: Sequence[Path]) -> list[bytes | None]:
        """Returns the hash of each file that is known and hasn't changed, else None."""
        names = [str(path.absolute()) for path in paths]
        known = self._select(names)
        return [
            known[name][1] if name in known and known[name][0] == FileStatus.of(path) else None
            for name, path in zip(names, paths, strict=True)
        ]

    def hash_files(self, paths: Sequence[Path]) -> list[bytes | None]:
        """Returns the hash of each file, reading those that aren't known; None if unreadable."""
        hashes = self.recall(paths)
        missing = [row for row, digest in enumerate(hashes) if digest is None]
        unknown = list(dict.fromkeys(paths[row] for row in missing))  # a file has many segments
        with ThreadPoolExecutor() as pool:
            read = dict(zip(unknown, pool.map(hash_file, unknown), strict=True))
        for row in missing:
            found = read[paths[row]]
            hashes[row] = None if found is None else found[1]
        self.remember((path, *found) for path, found in read.items() if found is not None)
        return hashes

    def remember(self, found: Iterable[tuple[Path, FileStatus | None, bytes]]) -> None:
        """Keeps hashes: path, its status from before the file was read, and the hash."""
        if self.path is None:
            return
        now = time.time_ns()
        rows = [
            (str(path.absolute()), s.size, s.inode, s.mtime, s.ctime, digest)
            for path, s, digest in found
            if s is not None and _is_settled(s, now)
        ]
        try:
            with closing(self._connect()) as database, database:
                database.executemany("insert or replace into files values (?, ?, ?, ?, ?, ?)", rows)
        except (sqlite3.Error, OSError):
            return

    def _select(self, names: Sequence[str]) -> dict[str, tuple[FileStatus, bytes]]:
        if self.path is None or not self.path.is_file():
            return {}
        found: dict[str, tuple[FileStatus, bytes]] = {}
        try:
            with closing(self._connect()) as database:
                for begin in range(0, len(names), _CHUNK):
                    chosen = names[begin : begin + _CHUNK]
                    marks = ",".join("?" * len(chosen))
                    for path, *status, digest in database.execute(
                        f"select * from files where path in ({marks})", chosen
                    ):
                        found[path] = (FileStatus(*status), digest)
        except sqlite3.DatabaseError as error:
            self._drop_if_damaged(error)
        except OSError:
            return found
        return found

    def _connect(self) -> sqlite3.Connection:
        assert self.path is not None
        self.path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self.path, timeout=_TIMEOUT_SECONDS)
        database.execute(_SCHEMA)
        return database

    def _drop_if_damaged(self, error: sqlite3.DatabaseError) -> None:
        if not isinstance(error, sqlite3.OperationalError) and self.path is not None:
            self.path.unlink(missing_ok=True)


def hash_file(path: Path) -> tuple[FileStatus | None, bytes] | None:
    """Returns a file's status before it was read and the SHA-256 of its bytes, or None."""
    status = FileStatus.of(path)
    try:
        return status, file_sha256(path)
    except OSError:
        return None


def _is_settled(status: FileStatus, now_ns: int) -> bool:
    """Whether the last change is so long ago that another one would show."""
    return now_ns - max(status.mtime, status.ctime) > _RACY_NS
