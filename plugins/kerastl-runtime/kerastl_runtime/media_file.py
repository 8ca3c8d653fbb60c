"""Media files: where the bytes of an example are, whatever stores them.

Convention: everything that needs the bytes of an example asks a `MediaFile`, and nothing asks which
kind it is. Two files are equal if their addresses are; `media_file` of `kerastl.media.addresses`
turns an address back into its file. Whatever goes wrong while bytes are read is an `OSError`.
"""

import errno
import hashlib
import io
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path, PurePath
from typing import BinaryIO, ClassVar, NamedTuple, TypeVar

from kerastl_runtime.files import exists, file_sha256, require_regular
from kerastl_runtime.threads import in_order

_REMOTE_READERS = 32  # threads

_Answer = TypeVar("_Answer")


class Version(NamedTuple):
    """What changes whenever the bytes of a file change."""

    text: str
    changed_ns: int = 0  # time of the last change, 0 if it is of no matter


class MediaFile(ABC):
    """An image or audio file, wherever its bytes are; `str` is its address."""

    is_remote: ClassVar[bool] = False  # reading is waiting for a server
    fix_missing: ClassVar[str]  # what to do if there is no such file

    def __init__(self, address: str):
        self._address = address

    def __str__(self) -> str:
        return self._address

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._address!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MediaFile) and other._address == self._address

    def __hash__(self) -> int:
        return hash(self._address)

    @property
    def name(self) -> str:
        """The last part of the address, for messages."""
        return PurePath(self._address).name

    @property
    def reading_order(self) -> tuple[str, int]:
        """A key by which to sort files that are then read the fastest."""
        return self._address, 0

    @abstractmethod
    def read(self, most: int | None = None) -> bytes:
        """Returns all bytes, or raises an `OSError`, with `EFBIG` if there are more than `most`."""

    @abstractmethod
    def exists(self) -> bool:
        """Whether there is such a file; it may be unreadable."""

    @abstractmethod
    def version(self) -> Version | None:
        """Returns the version of the bytes, None if only they can tell."""

    def open(self) -> BinaryIO:
        """Opens the file for reading at any place, or raises an `OSError`."""
        return io.BytesIO(self.read())

    def head(self, count: int) -> bytes:
        """Returns the first bytes, or raises an `OSError`."""
        return self.read()[:count]

    def sha256(self) -> bytes:
        """Returns the SHA-256 of the bytes, or raises an `OSError`."""
        return hashlib.sha256(self.read()).digest()

    def local_size(self) -> int | None:
        """Returns the number of bytes, None if there is no file or only a download can tell."""
        try:
            return len(self.read())
        except OSError:
            return None

    def held(self) -> "MediaFile":
        """Returns a file of the same bytes that costs nothing to read again."""
        return FileInMemory(str(self), self.read())

    def relative_to(self, folder: Path) -> str:
        """Returns the text by which a table in a folder names the file."""
        return str(self)


class LocalFile(MediaFile):
    """A file on disk; its address is its path as given."""

    fix_missing = "Correct the path in the table: paths are relative to the table's folder."

    def __init__(self, path: str | Path):
        super().__init__(str(path))

    @property
    def path(self) -> Path:
        """The path of the file."""
        return Path(self._address)

    def read(self, most: int | None = None) -> bytes:
        require_regular(self.path)
        refuse_larger(self.path.stat().st_size, most, str(self))
        return self.path.read_bytes()

    def open(self) -> BinaryIO:
        require_regular(self.path)
        return self.path.open("rb")

    def head(self, count: int) -> bytes:
        with self.open() as file:
            return file.read(count)

    def exists(self) -> bool:
        return exists(self.path)

    def version(self) -> Version | None:
        try:
            found = os.stat(self._address)  # noqa: PTH116  # for each of a million files
        except (OSError, ValueError):
            return None
        size, inode, mtime, ctime = (
            found.st_size,
            found.st_ino,
            found.st_mtime_ns,
            found.st_ctime_ns,  # cannot be set back
        )
        return Version(f"{size} {inode} {mtime} {ctime}", max(mtime, ctime))

    def sha256(self) -> bytes:
        return file_sha256(self.path)

    def local_size(self) -> int | None:
        try:
            return self.path.stat().st_size
        except (OSError, ValueError):
            return None

    def held(self) -> MediaFile:
        return self

    def relative_to(self, folder: Path) -> str:
        return Path(os.path.relpath(self.path.absolute(), folder.absolute())).as_posix()


class FileInMemory(MediaFile):
    """Bytes in memory, under an address that stands for them."""

    fix_missing = "Give the bytes of a file."

    def __init__(self, address: str, data: bytes):
        super().__init__(address)
        self._data = data
        self._sha256: bytes | None = None

    def read(self, most: int | None = None) -> bytes:
        refuse_larger(len(self._data), most, str(self))
        return self._data

    def exists(self) -> bool:
        return True

    def version(self) -> Version | None:
        return Version(self.sha256().hex())

    def sha256(self) -> bytes:
        self._sha256 = self._sha256 or hashlib.sha256(self._data).digest()
        return self._sha256


def as_file(given: "MediaFile | str | Path") -> MediaFile:
    """Returns a media file as it is, and a path as the file on disk."""
    return given if isinstance(given, MediaFile) else LocalFile(given)


def num_readers(files: Iterable[MediaFile]) -> int | None:
    """Returns how many threads should read some files, None for one per processor."""
    return _REMOTE_READERS if any(file.is_remote for file in files) else None


def ask_each(files: Sequence[MediaFile], ask: Callable[[MediaFile], _Answer]) -> list[_Answer]:
    """Returns an answer of each file, in their order; of servers, many at once."""
    readers = num_readers(files)
    if readers is None:
        return list(map(ask, files))
    tasks = (partial(ask, file) for file in files)
    return list(in_order(tasks, num_ahead=readers, num_threads=readers))


def refuse_larger(size: int, most: int | None, address: str) -> None:
    """Raises an `OSError` with `EFBIG` if a file has more bytes than `most`."""
    if most is not None and size > most:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), address)
