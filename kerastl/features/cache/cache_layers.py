"""Layers of the cache: one's own folder, and those of others below it, which are only read.

Convention: a file in a layer is written once, whole, under a new name, and never changed. So layers
need no locks, and may lie on network file systems and in object storage.
"""

import contextlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kerastl.errors import CacheError
from kerastl.features.cache.location import SUFFIX, touch
from kerastl.files import WRITING, replacing

VARIABLE = "KERASTL_CACHE_LAYERS"


class Layer(ABC):
    """Files by their paths in the layer; methods raise an `OSError` unless they say otherwise."""

    @abstractmethod
    def files(self, folder: str) -> dict[str, int]:
        """Returns the paths of the complete files in a folder, with their sizes, in order."""

    @abstractmethod
    def folders(self, folder: str) -> list[str]:
        """Returns the paths of the folders in a folder, in order."""

    @abstractmethod
    def read(self, path: str, begin: int, end: int) -> bytes:
        """Returns these bytes of a file, fewer if it is shorter."""

    @abstractmethod
    def write(self, path: str, content: bytes) -> None:
        """Writes a file whole or not at all."""

    @abstractmethod
    def mark_used(self, path: str) -> None:
        """Records that a file was used, where the least recently used are deleted; never raises."""

    @abstractmethod
    def remove(self, path: str) -> None:
        """Deletes a file if it is there and may be deleted; never raises."""


class FolderLayer(Layer):
    """A folder on a local or network file system.

    Args:
        folder: The folder, which may not exist yet.
    """

    def __init__(self, folder: Path):
        self._folder = folder

    def __str__(self) -> str:
        return str(self._folder)

    def files(self, folder: str) -> dict[str, int]:
        found: dict[str, int] = {}
        with contextlib.suppress(FileNotFoundError), os.scandir(self._folder / folder) as entries:
            for entry in entries:
                if _is_complete(entry.name):
                    with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                        found[f"{folder}/{entry.name}"] = entry.stat().st_size
        return dict(sorted(found.items()))

    def folders(self, folder: str) -> list[str]:
        with contextlib.suppress(FileNotFoundError), os.scandir(self._folder / folder) as entries:
            return sorted(f"{folder}/{entry.name}" for entry in entries if entry.is_dir())
        return []

    def read(self, path: str, begin: int, end: int) -> bytes:
        with (self._folder / path).open("rb") as file:
            file.seek(begin)
            return file.read(end - begin)

    def write(self, path: str, content: bytes) -> None:
        with replacing(self._folder / path, sync=True) as temporary:
            temporary.write_bytes(content)

    def mark_used(self, path: str) -> None:
        touch(self._folder / path)

    def remove(self, path: str) -> None:
        with contextlib.suppress(OSError):
            (self._folder / path).unlink(missing_ok=True)


class ObjectLayer(Layer):
    """A prefix in object storage, read and written through `fsspec`.

    Args:
        address: Its URL, such as `s3://bucket/kerastl`.

    Raises:
        CacheError: A package for the scheme is missing, or the scheme is unknown.
    """

    def __init__(self, address: str):
        self._address = address
        try:
            from fsspec.core import url_to_fs

            self._store: Any
            self._store, root = url_to_fs(address)
        except (ImportError, ValueError) as error:
            raise CacheError(
                "A layer of the cache cannot be opened.",
                where=VARIABLE,
                expected="a folder, or an address that fsspec can open",
                received=f"{address}: {error}",
                fix="Install what is missing: pip install 'kerastl[remote]' and the package for "
                "this kind of storage, such as s3fs or gcsfs.",
            ) from None
        self._root = root.rstrip("/")

    def __str__(self) -> str:
        return self._address

    def files(self, folder: str) -> dict[str, int]:
        found = {
            self._path_of(entry): int(entry["size"])
            for entry in self._listed(folder)
            if entry["type"] == "file" and _is_complete(entry["name"].rpartition("/")[2])
        }
        return dict(sorted(found.items()))

    def folders(self, folder: str) -> list[str]:
        entries = self._listed(folder)
        return sorted(self._path_of(entry) for entry in entries if entry["type"] == "directory")

    def read(self, path: str, begin: int, end: int) -> bytes:
        with _its_errors():
            return bytes(self._store.cat_file(f"{self._root}/{path}", start=begin, end=end))

    def write(self, path: str, content: bytes) -> None:
        with _its_errors():
            self._store.makedirs(f"{self._root}/{path}".rpartition("/")[0], exist_ok=True)
            self._store.pipe_file(f"{self._root}/{path}", content)

    def mark_used(self, path: str) -> None:
        pass  # storage has rules of its own for what is deleted

    def remove(self, path: str) -> None:
        with contextlib.suppress(OSError), _its_errors():
            self._store.rm_file(f"{self._root}/{path}")

    def _listed(self, folder: str) -> list[dict[str, Any]]:
        with contextlib.suppress(FileNotFoundError), _its_errors():
            return list(self._store.ls(f"{self._root}/{folder}", detail=True, refresh=True))
        return []

    def _path_of(self, entry: dict[str, Any]) -> str:
        return str(entry["name"]).rstrip("/").partition(self._root.lstrip("/") + "/")[2]


def make_layer(address: str) -> Layer:
    """Returns the layer at the path of a folder or at a URL."""
    if "://" in address:
        return ObjectLayer(address)
    return FolderLayer(Path(address).expanduser())


def layers_below() -> tuple[Layer, ...]:
    """Returns the layers in KERASTL_CACHE_LAYERS, which are separated by commas; highest first.

    Raises:
        CacheError: One of them is no folder, or cannot be opened.
    """
    addresses = [part.strip() for part in os.environ.get(VARIABLE, "").split(",")]
    found = []
    for address in filter(None, addresses):
        layer = make_layer(address)
        if isinstance(layer, FolderLayer) and not Path(str(layer)).is_dir():
            raise CacheError(
                "A layer of the cache is no folder.",
                where=VARIABLE,
                expected="folders or addresses of object storage, separated by commas",
                received=address,
                fix="Correct it, mount what it lies on, or remove it from the variable.",
            )
        found.append(layer)
    return tuple(found)


@contextlib.contextmanager
def _its_errors() -> Iterator[None]:
    """Raises the errors of object storage, which has kinds of its own, as `OSError`."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(str(error) or type(error).__name__) from error


def _is_complete(name: str) -> bool:
    return name.endswith(SUFFIX) and not name.startswith(WRITING)
