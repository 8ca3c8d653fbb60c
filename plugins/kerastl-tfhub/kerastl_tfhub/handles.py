"""Resolves handles (names, folders, archives and URLs) to local folders.

Convention: tensorflow_hub is imported only for what must be downloaded, so a local folder or
archive works without it.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import platformdirs

from kerastl.backbones import BackboneError, UnknownBackboneError, suggestion
from kerastl_tfhub.archives import unpacked
from kerastl_tfhub.catalogue import CATALOGUE
from kerastl_tfhub.files import private_folder, refuse_foreign

_ARCHIVES = (".tar.gz", ".tgz", ".tar")
_URLS = ("https://", "http://", "gs://", "s3://", "hdfs://")
_log = logging.getLogger(__name__)
_CACHE = "TFHUB_CACHE_DIR"
_PROGRESS = "TFHUB_DOWNLOAD_PROGRESS"


def is_url(handle: str) -> bool:
    """Whether tensorflow_hub has to download it."""
    return handle.startswith(_URLS)


def is_path(handle: str) -> bool:
    """Whether it is a local path."""
    return not is_url(handle) and (
        handle.startswith(("/", ".", "~")) or os.sep in handle or Path(handle).exists()
    )


def check_handle(handle: str) -> None:
    """Raises `UnknownBackboneError` unless it is a name, a URL or an existing path."""
    if handle in CATALOGUE or is_url(handle):
        return
    if not is_path(handle):
        raise UnknownBackboneError(
            f"There is no TF Hub module '{handle}'.",
            expected="a URL, a local folder, a .tar.gz, or one of "
            f"{len(CATALOGUE)} names: {', '.join(CATALOGUE)}",
            fix=suggestion(handle, CATALOGUE),
        )
    if not Path(handle).expanduser().exists():
        raise UnknownBackboneError(
            "There is no TF Hub module at this path.",
            where=handle,
            expected="a folder that contains saved_model.pb, or a .tar.gz of one",
        )


def resolve(handle: str | Path) -> Path:
    """Returns the folder of a module, after downloading or unpacking it if needed.

    Downloads and unpacked archives are kept below `TFHUB_CACHE_DIR`, or in a private folder among
    the caches of this user.

    Raises:
        UnknownBackboneError: It is not a name, a URL or an existing path.
        BackboneError: It cannot be downloaded or unpacked, or belongs to another user.
    """
    handle = str(handle)
    check_handle(handle)
    handle = CATALOGUE[handle].handle if handle in CATALOGUE else handle
    if is_url(handle):
        return _downloaded(handle)
    path = Path(handle).expanduser()
    return path if path.is_dir() else _unpacked(path)


def _downloaded(url: str) -> Path:
    resolver, cache = _resolver(), _cache_folder()
    _log.info("Downloading %s, unless it is in the cache.", url)
    try:
        with _settings(_CACHE, str(cache)), _progress():
            folder = Path(resolver(url))
    except Exception as error:
        raise BackboneError(
            "The module cannot be downloaded.",
            where=url,
            received=f"{type(error).__name__}: {error}",
            fix="Check the address and the network, or download the module elsewhere and name its "
            "folder or .tar.gz instead. TFHUB_CACHE_DIR is the folder of downloads.",
        ) from error
    refuse_foreign(folder)
    return folder


def _resolver():  # type: ignore[no-untyped-def]
    try:
        import tensorflow_hub
    except ImportError as error:
        missing = error.name or "tensorflow_hub"
        package = "setuptools<81" if missing == "pkg_resources" else "tensorflow-hub"
        raise BackboneError(
            "Downloading a module needs tensorflow_hub, which cannot be imported.",
            received=f"{type(error).__name__}: {error}",
            fix=f"pip install '{package}', or name a local folder or .tar.gz.",
        ) from error
    return tensorflow_hub.resolve


@contextmanager
def _progress() -> Iterator[None]:
    """Lets tensorflow_hub show a download's progress, on a terminal and never on stdout."""
    with _settings(_PROGRESS, "1" if sys.stderr.isatty() else ""), redirect_stdout(sys.stderr):
        yield


@contextmanager
def _settings(variable: str, value: str) -> Iterator[None]:
    """Sets an environment variable for a while, if it is not set already."""
    is_new = bool(value) and not os.environ.get(variable)
    if is_new:
        os.environ[variable] = value
    try:
        yield
    finally:
        if is_new:
            del os.environ[variable]


def _unpacked(archive: Path) -> Path:
    if not archive.name.endswith(_ARCHIVES):
        raise BackboneError(
            "The file is not an archive of a module.",
            where=str(archive),
            expected=f"a folder, or a file that ends in {', '.join(_ARCHIVES)}",
        )
    return _module_root(unpacked(archive, _cache_folder()))


def _module_root(folder: Path) -> Path:
    """Returns the folder with the SavedModel: archives may wrap it in one folder."""
    inside = list(folder.iterdir())
    if not (folder / "saved_model.pb").exists() and len(inside) == 1 and inside[0].is_dir():
        return inside[0]
    return folder


def _cache_folder() -> Path:
    """Returns `TFHUB_CACHE_DIR`, or a private folder among the caches of this user.

    tensorflow_hub's default is a folder for temporary files, in which anyone could have put a
    module under the name of another one.
    """
    given = os.environ.get(_CACHE)
    if given:
        return Path(given)
    return private_folder(Path(platformdirs.user_cache_dir("kerastl-tfhub", appauthor=False)))
