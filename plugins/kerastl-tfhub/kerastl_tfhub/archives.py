"""Unpacking archives of modules into a private cache.

Convention: files are written one by one into a new folder, so nothing in an archive can lead
elsewhere; `tarfile`'s own filter lets chains of links out of the folder (CVE-2025-4517).
"""

import hashlib
import io
import os
import shutil
import tarfile
import tempfile
from pathlib import Path

from kerastl.backbones import BackboneError
from kerastl_tfhub.files import content_digest, private_folder, refuse_foreign, stays_inside


def unpacked(archive: Path, cache: Path) -> Path:
    """Returns the folder with the content of an archive, which is unpacked once.

    The folder is named by the hashes of the archive and of its content; both are compared with the
    files each time.

    Args:
        archive: A tar archive, compressed or not.
        cache: Folder in which a private folder for this user is created.

    Raises:
        BackboneError: The archive is damaged or contains anything but plain files and folders.
    """
    user = os.getuid() if hasattr(os, "getuid") else "own"
    folder = private_folder(cache / f"archives_{user}")
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    found = next((path for path in folder.glob(f"{digest}_*") if _is_intact(path)), None)
    return found or _unpack(archive, digest, folder)


def _is_intact(folder: Path) -> bool:
    refuse_foreign(folder)
    is_plain = folder.is_dir() and not folder.is_symlink()
    return is_plain and folder.name.partition("_")[2] == content_digest(folder)


def _unpack(archive: Path, digest: str, folder: Path) -> Path:
    with tempfile.TemporaryDirectory(dir=folder) as directory:
        module, damaged = Path(directory) / "module", Path(directory) / "damaged"
        if extract(archive, module, where=str(archive)) != digest:
            raise _unusable(str(archive), "a file that changed while it was unpacked")
        target = folder / f"{digest}_{content_digest(module)}"
        if target.exists() and not _is_intact(target):
            target.rename(damaged)
        try:
            module.rename(target)
        except OSError:
            if not _is_intact(target):  # otherwise another process was faster
                raise
    return target


def extract(archive: Path, target: Path, *, where: str) -> str:
    """Unpacks plain files and folders; returns the SHA-256 of the bytes that were unpacked.

    Args:
        archive: A tar archive, compressed or not.
        target: Folder that is created for its content.
        where: Its path or URL, for messages.

    Raises:
        BackboneError: The archive is damaged or contains anything but plain files and folders.
    """
    target.mkdir()
    with _HashedFile(str(archive)) as hashed:
        try:
            with tarfile.open(mode="r|*", fileobj=hashed) as tar:
                for member in tar:
                    _extract_member(tar, member, target, where)
        except (tarfile.TarError, OSError, EOFError, ValueError) as error:
            raise _unusable(where, f"{type(error).__name__}: {error}") from error
        while hashed.read(2**20):
            pass
    return hashed.digest.hexdigest()


def _extract_member(
    tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path, where: str
) -> None:
    path = target / member.name
    if not stays_inside(member.name):
        raise _unusable(where, f"the path {member.name!r}, which leads outside")
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return
    source = tar.extractfile(member) if member.isreg() and not member.issparse() else None
    if source is None:
        raise _unusable(where, f"{member.name!r}, which is a link or a special file")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        shutil.copyfileobj(source, file)


class _HashedFile(io.FileIO):
    """A file that is read once, and hashed while it is read."""

    def __init__(self, path: str):
        super().__init__(path)
        self.digest = hashlib.sha256()

    def read(self, size: int | None = -1, /) -> bytes:
        """Returns the next bytes."""
        data = super().read(size)
        self.digest.update(data)
        return data


def _unusable(where: str, received: str) -> BackboneError:
    return BackboneError(
        "The archive cannot be unpacked.",
        where=where,
        expected="a tar archive of plain files and folders",
        received=received,
        fix="Download it again, or ask its author for such an archive.",
    )
