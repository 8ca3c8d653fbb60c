"""Files of modules: names that stay inside, folders that nobody else can write to, hashes.

Convention: what is on disk may have been put there by somebody else, so it is used only if it
belongs to this user.
"""

import hashlib
import os
import stat
from pathlib import Path, PurePosixPath, PureWindowsPath

from kerastl.backbones import BackboneError

_ROOT = 0


def stays_inside(name: str) -> bool:
    """Whether a relative name, with `/` between its parts, names something inside a folder."""
    path = PurePosixPath(name)
    is_plain = "\\" not in name and "\0" not in name and not PureWindowsPath(name).drive
    return is_plain and not path.is_absolute() and ".." not in path.parts


def has_link(folder: Path, name: str) -> bool:
    """Whether a file inside a folder is a link, or lies in a link."""
    parts = PurePosixPath(name).parts
    return any(folder.joinpath(*parts[: i + 1]).is_symlink() for i in range(len(parts)))


def private_folder(path: Path) -> Path:
    """Returns a folder that only this user can read and write, after creating it if needed.

    Raises:
        BackboneError: It cannot be created, is a link, or belongs to another user.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.lstat()
        if not stat.S_ISDIR(status.st_mode) or not _is_own(status):
            raise _not_own(path)
        if hasattr(os, "getuid") and stat.S_IMODE(status.st_mode) != 0o700:
            path.chmod(0o700)
    except OSError as error:
        raise BackboneError(
            "The folder for modules cannot be created.",
            where=str(path),
            received=error.strerror or str(error),
            fix="Set TFHUB_CACHE_DIR to a folder of your own.",
        ) from error
    return path


def refuse_foreign(folder: Path) -> None:
    """Checks that a folder and all in it belong to this user, or to the administrator.

    Raises:
        BackboneError: Something belongs to another user.
    """
    folder = folder.resolve()  # a link to a folder is no better than the folder
    for path in (folder, *folder.rglob("*")):
        if not _is_own(path.lstat(), _ROOT):
            raise _not_own(path)


def content_digest(folder: Path) -> str | None:
    """Returns the SHA-256 of the names and contents of all files, None if not all are plain."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode):
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            digest.update(f"{path.relative_to(folder).as_posix()}\0{content}\0".encode())
        elif not stat.S_ISDIR(mode):
            return None
    return digest.hexdigest()


def _is_own(status: os.stat_result, *others: int) -> bool:
    return not hasattr(os, "getuid") or status.st_uid in (os.getuid(), *others)


def _not_own(path: Path) -> BackboneError:
    return BackboneError(
        "A folder or file for modules belongs to another user, who could have changed it.",
        where=str(path),
        fix="Set TFHUB_CACHE_DIR to a folder of your own. To use the other user's module anyway, "
        "name its folder as the backbone.",
    )
