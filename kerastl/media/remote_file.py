"""Objects in stores and on web servers, read through `fsspec`.

Convention: an object is asked for its facts (whether it exists, its size, its ETag) once, and is
downloaded whole. What may pass is tried again after a while; a missing or forbidden object is not.
Only the schemes below are read, each by its own file system, so no address leads to another one.
"""

import errno
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, TypeVar
from urllib.parse import urlsplit

from kerastl.errors import MediaError
from kerastl_runtime.media_file import FileInMemory, MediaFile, Version, refuse_larger

_PACKAGES = {  # scheme to what fsspec needs besides itself
    "s3": "s3fs",
    "gs": "gcsfs",
    "hf": "huggingface_hub",
    "https": "aiohttp",
    "http": "aiohttp",
}
SCHEMES = tuple(_PACKAGES)
MAX_BYTES = 2**31  # of an object
_KEPT_BYTES = 2**26
_PART_BYTES = 2**20
_WAITS_SECONDS = (0.5, 1.0, 2.0, 4.0)
_TRANSIENT = (408, 425, 429)  # of the statuses below 500
_FINAL = (FileNotFoundError, PermissionError, IsADirectoryError)
_CONNECT_SECONDS, _SILENT_SECONDS = 10, 60
_VERSIONS = ("ETag", "etag", "generation", "blob_id")  # as the file systems of fsspec call them

_Result = TypeVar("_Result")


class RemoteFile(MediaFile):
    """An object with a URL."""

    is_remote = True
    fix_missing = "Correct the address in the table, or upload the object."

    def __init__(self, address: str):
        super().__init__(address)
        scheme = address.partition("://")[0].lower()
        if scheme not in SCHEMES:
            raise MediaError(
                f"Files at '{scheme}://' are not read.",
                expected="a path relative to the table, or an address that begins with "
                f"{', '.join(f'{name}://' for name in SCHEMES)}",
                received=address,
            )
        self._is_http = scheme in ("http", "https")
        self._store = _store(scheme)
        self._answer: Mapping[str, Any] | OSError | None = None

    @property
    def name(self) -> str:
        return PurePosixPath(urlsplit(str(self)).path).name or str(self)

    def read(self, most: int | None = None) -> bytes:
        return self._recent(most).read(most)

    def head(self, count: int) -> bytes:
        if self._is_http:  # whose servers may ignore the range
            asked = {"headers": {"Range": f"bytes=0-{count - 1}"}}
            return self._retried(lambda: self._streamed(count, **asked)[:count])
        found = self._retried(lambda: self._store.cat_file(str(self), start=0, end=count))
        return bytes(found[:count])

    def held(self) -> MediaFile:
        return self._recent(None)

    def exists(self) -> bool:
        try:
            return bool(self._facts())
        except FileNotFoundError:
            return False

    def version(self) -> Version | None:
        try:
            facts = self._facts()
        except OSError:
            return None
        found = next((str(facts[key]) for key in _VERSIONS if facts.get(key)), None)
        # Different objects can have the same weak ETag.
        is_strong = found is not None and not found.startswith("W/")
        return Version(f"{found} {facts.get('size')}") if is_strong else None

    def local_size(self) -> int | None:
        return None

    def _facts(self) -> Mapping[str, Any]:
        if self._answer is None:  # a cached_property would make threads wait for each other
            try:
                self._answer = dict(self._retried(lambda: self._store.info(str(self))))
            except OSError as error:
                self._answer = error
        if isinstance(self._answer, OSError):
            raise self._answer
        return self._answer

    def _recent(self, most: int | None) -> FileInMemory:
        most = MAX_BYTES if most is None else most
        key = f"{self} {self._facts()}"  # of these bytes: they may have changed
        return _RECENT.get(
            key, lambda: FileInMemory(str(self), self._retried(lambda: self._download(most)))
        )

    def _download(self, most: int) -> bytes:
        size = self._facts().get("size")
        if size is not None:
            refuse_larger(size, most, str(self))
            if not self._is_http:
                return bytes(self._store.cat_file(str(self)))
        data = self._streamed(most + 1)
        refuse_larger(len(data), most, str(self))
        return data

    def _streamed(self, most: int, **options: Any) -> bytes:
        """Returns the first bytes, at least so many if there are; the server may state any size."""
        data = bytearray()
        with self._store.open(str(self), "rb", block_size=0, size=1, **options) as stream:
            while len(data) < most and (part := stream.read(_PART_BYTES)):
                data += part
        return bytes(data)

    def _retried(self, ask: Callable[[], _Result]) -> _Result:
        """Returns an answer of the store, or raises an `OSError`."""
        for wait in (*_WAITS_SECONDS, None):
            try:
                return ask()
            except Exception as error:  # each store has errors of its own
                reason = _reason(error)
                if wait is None or not _is_transient(reason):
                    raise _os_error(reason) from error
            # Many threads fail at the same time, and should not ask again at the same time.
            time.sleep(wait * (0.5 + zlib.crc32(str(self).encode()) / 2**32))
        raise AssertionError


class _Recent:
    """Objects that were downloaded last, as an example is often a part of the same one.

    Threads that ask for the same object wait for one download.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[str, Future[FileInMemory]] = OrderedDict()

    def get(self, key: str, download: Callable[[], FileInMemory]) -> FileInMemory:
        with self._lock:
            found = self._found.get(key)
            if is_new := found is None:
                found = self._found[key] = Future()
            self._found.move_to_end(key)
        if not is_new:
            return found.result()
        try:
            found.set_result(download())
        except BaseException as error:
            with self._lock:
                del self._found[key]
            found.set_exception(error)
            raise
        self._forget()
        return found.result()

    def _forget(self) -> None:
        with self._lock:
            done = [(key, one) for key, one in self._found.items() if one.done()]
            size = sum(len(one.result().read()) for _, one in done)
            for key, one in done:
                if size <= _KEPT_BYTES:
                    return
                size -= len(one.result().read())
                del self._found[key]


_RECENT = _Recent()


@lru_cache
def _store(scheme: str) -> Any:
    """Returns the file system of a scheme, which threads share."""
    try:
        import fsspec

        if scheme not in ("http", "https"):
            return fsspec.filesystem(scheme)
        import aiohttp

        limits = {"sock_connect": _CONNECT_SECONDS, "sock_read": _SILENT_SECONDS}
        timeout = aiohttp.ClientTimeout(total=None, **limits)
        return fsspec.filesystem(scheme, client_kwargs={"timeout": timeout, "trust_env": True})
    except ImportError as error:
        raise MediaError(
            f"A package that reads {scheme}:// is missing.",
            received=str(error),
            fix=f"Install it: pip install 'kerastl[remote]' {_PACKAGES[scheme]}",
        ) from None


def _reason(error: Exception) -> BaseException:
    """Returns the error itself; fsspec calls every failed request for facts a missing file."""
    is_hidden = isinstance(error, FileNotFoundError) and _status(error.__cause__) != 404
    return error.__cause__ if is_hidden and error.__cause__ is not None else error


def _status(error: BaseException | None) -> int | None:
    """Returns the HTTP status of an error, if it has one."""
    found = getattr(error, "status", None) or getattr(error, "code", None)
    return found if isinstance(found, int) else None


def _is_transient(error: BaseException) -> bool:
    status = _status(error)
    if status is not None:
        return status >= 500 or status in _TRANSIENT
    if isinstance(error, _FINAL) or getattr(error, "errno", None) == errno.EFBIG:
        return False
    return isinstance(error, OSError) or type(error).__module__.startswith("aiohttp")


def _os_error(error: BaseException) -> OSError:
    status, text = _status(error), getattr(error, "message", None)
    if status is not None:
        return OSError(f"the server answered {status} {text or ''}".rstrip())
    return error if isinstance(error, OSError) else OSError(str(error) or type(error).__name__)
