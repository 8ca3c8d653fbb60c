"""Resolves handles (names, folders, archives and URLs) to local folders.

Convention: tensorflow_hub is imported only for what must be downloaded, so a local folder or
archive works without it.
"""

import hashlib
import logging
import os
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from kerastl.backbones import BackboneError, UnknownBackboneError, suggestion
from kerastl_tfhub.catalogue import CATALOGUE

_ARCHIVES = (".tar.gz", ".tgz", ".tar")
_URLS = ("https://", "http://", "gs://", "s3://", "hdfs://")
_log = logging.getLogger(__name__)
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

    Downloads and unpacked archives are kept below `TFHUB_CACHE_DIR`, or in
    tensorflow_hub's default folder.

    Raises:
        UnknownBackboneError: It is not a name, a URL or an existing path.
        BackboneError: It cannot be downloaded or unpacked.
    """
    handle = str(handle)
    check_handle(handle)
    handle = CATALOGUE[handle].handle if handle in CATALOGUE else handle
    if is_url(handle):
        return _downloaded(handle)
    path = Path(handle).expanduser()
    return path if path.is_dir() else _unpacked(path)


def _downloaded(url: str) -> Path:
    resolver = _resolver()
    _log.info("Downloading %s, unless it is in the cache.", url)
    try:
        with _progress():
            return Path(resolver(url))
    except Exception as error:
        raise BackboneError(
            "The module cannot be downloaded.",
            where=url,
            received=f"{type(error).__name__}: {error}",
            fix="Check the address and the network, or download the module elsewhere and name its "
            "folder or .tar.gz instead. TFHUB_CACHE_DIR is the folder of downloads.",
        ) from error


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
    shown = sys.stderr.isatty() and _PROGRESS not in os.environ
    if shown:
        os.environ[_PROGRESS] = "1"
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        if shown:
            del os.environ[_PROGRESS]


def _unpacked(archive: Path) -> Path:
    if not archive.name.endswith(_ARCHIVES):
        raise BackboneError(
            "The file is not an archive of a module.",
            where=str(archive),
            expected=f"a folder, or a file that ends in {', '.join(_ARCHIVES)}",
        )
    target = _cache_folder() / f"archive_{_digest(archive)}"
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as directory:
            _extract(archive, Path(directory) / "module")
            _move(Path(directory) / "module", target)
    return _module_root(target)


def _extract(archive: Path, target: Path) -> None:
    """Unpacks plain files and folders only; anything that points outside is refused."""
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(target, filter="data")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise BackboneError(
            "The archive cannot be unpacked.",
            where=str(archive),
            received=f"{type(error).__name__}: {error}",
            fix="Download it again.",
        ) from error


def _move(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError:
        if not target.is_dir():  # otherwise another process was faster, with the same content
            raise


def _module_root(folder: Path) -> Path:
    """Returns the folder with the SavedModel: archives may wrap it in one folder."""
    inside = list(folder.iterdir())
    if not (folder / "saved_model.pb").exists() and len(inside) == 1 and inside[0].is_dir():
        return inside[0]
    return folder


def _cache_folder() -> Path:
    default = Path(tempfile.gettempdir()) / "tfhub_modules"
    return Path(os.environ.get("TFHUB_CACHE_DIR") or default)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
