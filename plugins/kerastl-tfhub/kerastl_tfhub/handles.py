"""Resolves handles (names, folders, archives and URLs) to local folders.

Convention: what is in a cache needs no network. The layout of the cache for URLs is
tensorflow_hub's, so what it has downloaded is found; modules on Kaggle are in kagglehub's cache.
"""

import hashlib
import logging
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import platformdirs

from kerastl.backbones import BackboneError, UnknownBackboneError, suggestion
from kerastl_tfhub.archives import extract, unpacked
from kerastl_tfhub.catalogue import CATALOGUE
from kerastl_tfhub.files import private_folder, refuse_foreign
from kerastl_tfhub.kaggle import download, kaggle_handle

_ARCHIVES = (".tar.gz", ".tgz", ".tar")
_URLS = ("https://", "http://", "gs://", "s3://", "hdfs://", "kaggle://")
_log = logging.getLogger(__name__)
_CACHE = "TFHUB_CACHE_DIR"
_GONE = re.compile(r"https?://(?:www\.)?(?:tfhub\.dev|kaggle\.com)/|kaggle://")


def is_remote(handle: str) -> bool:
    """Whether it has to be downloaded: a URL, or a handle of Kaggle and no local path."""
    is_kaggle = kaggle_handle(handle) is not None
    return handle.startswith(_URLS) or (is_kaggle and not Path(handle).exists())


def is_path(handle: str) -> bool:
    """Whether it is a local path."""
    return not is_remote(handle) and (
        handle.startswith(("/", ".", "~")) or os.sep in handle or Path(handle).exists()
    )


def check_handle(handle: str) -> None:
    """Raises `UnknownBackboneError` unless it is a name, a URL or an existing path."""
    if handle in CATALOGUE or is_remote(handle):
        return
    if not is_path(handle):
        raise UnknownBackboneError(
            f"There is no TF Hub module '{handle}'.",
            expected="a handle on Kaggle, a URL, a local folder, a .tar.gz, or one of "
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
    the caches of this user; those from Kaggle below `KAGGLEHUB_CACHE`, or in kagglehub's folder.

    Raises:
        UnknownBackboneError: It is not a name, a URL or an existing path.
        BackboneError: It cannot be downloaded or unpacked, or belongs to another user.
    """
    handle = str(handle)
    check_handle(handle)
    handle = CATALOGUE[handle].handle if handle in CATALOGUE else handle
    if is_remote(handle):
        return _downloaded(handle)
    path = Path(handle).expanduser()
    return path if path.is_dir() else _unpacked(path)


def _downloaded(address: str) -> Path:
    found = _in_cache(address)
    if not found.is_dir():
        handle = kaggle_handle(address)
        found = download(handle) if handle else _fetched(address, found)
    refuse_foreign(found)
    return _module_root(found)


def _in_cache(address: str) -> Path:
    """Returns where tensorflow_hub, too, would keep a module that it has downloaded."""
    return _cache_folder() / hashlib.sha1(address.encode()).hexdigest()


def _fetched(url: str, folder: Path) -> Path:
    """Downloads the archive at a URL and unpacks it into a new folder."""
    if _GONE.match(url):
        raise BackboneError(
            "TF Hub has moved to Kaggle, and the new handle of this module is not known."
            if "tfhub.dev" in url
            else "The address names no version of a TensorFlow module on Kaggle.",
            where=url,
            expected="https://www.kaggle.com/models/ and owner/model/tensorFlow2/variation/version",
            fix="Look the module up on https://www.kaggle.com/models.",
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as directory:
        archive, module = Path(directory) / "archive", Path(directory) / "module"
        _log.info("Downloading %s.", url)
        try:
            _copy(url, archive)
        except Exception as error:  # of urllib, TensorFlow's file systems, or the disk
            raise BackboneError(
                "The module cannot be downloaded.",
                where=url,
                received=f"{type(error).__name__}: {error}".partition("\n")[0],
                fix="Check the address and the network, or download the module elsewhere and name "
                "its folder or .tar.gz instead. TFHUB_CACHE_DIR is the folder of downloads.",
            ) from error
        extract(archive, module, where=url)
        try:
            module.rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another process was faster
                raise
    return folder


def _copy(url: str, target: Path) -> None:
    """Copies a file at a URL to the disk and, on a terminal, shows how far it is."""
    from tqdm import tqdm

    with _opened(url) as source, target.open("wb") as file:
        progress = {"desc": "Downloading", "unit": "B", "unit_scale": True, "disable": None}
        with tqdm.wrapattr(source, "read", **progress) as read:
            shutil.copyfileobj(read, file)


def _opened(url: str) -> Any:
    if url.startswith(("http://", "https://")):
        from urllib.parse import urlsplit
        from urllib.request import urlopen

        parts = urlsplit(url)
        if not parts.path.endswith(_ARCHIVES):  # how a server of TF Hub's protocol is asked
            query = f"{parts.query}&" if parts.query else ""
            url = parts._replace(query=f"{query}tf-hub-format=compressed").geturl()
        return urlopen(url, timeout=60)
    import tensorflow as tf

    return tf.io.gfile.GFile(url, "rb")


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

    tensorflow_hub's own default is a folder for temporary files, in which anyone could have put a
    module under the name of another one.
    """
    given = os.environ.get(_CACHE)
    if given:
        return Path(given)
    return private_folder(Path(platformdirs.user_cache_dir("kerastl-tfhub", appauthor=False)))
