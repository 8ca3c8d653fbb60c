"""Hashes of the files in a folder, by which a file that has changed is noticed.

Convention: `SHA256SUMS` has the format of `sha256sum`, which checks it too. A file that it does not
list is not checked, so runs of older versions load as before. Only names that the caller asks for
are looked up: no name in the file is ever opened.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from kerastl_runtime.errors import RunError
from kerastl_runtime.files import file_sha256, refuse_more, require_regular

NAME = "SHA256SUMS"
_LINE = re.compile(r"^([0-9a-f]{64}) [ *](.+)$", re.M)
_MAX_BYTES = 2**24


def refuse_changed(folder: Path, files: Iterable[Path]) -> None:
    """Checks that these files of a folder have the hashes that are stored in it, if any are.

    Raises:
        RunError: A file has changed, or the hashes cannot be read.
    """
    stored = _read(folder / NAME)
    for path in files:
        expected = stored.get(listed_name(folder, path))
        if expected is None or not path.is_file():
            continue
        received = file_sha256(path).hex()
        if received != expected:
            raise RunError(
                f"'{path.name}' is not the file that was written here: its hash has changed.",
                where=str(path),
                expected=f"sha256 {expected}",
                received=f"sha256 {received}",
                fix=f"Restore the file, or remove its line from {NAME} if the change is meant.",
            )


def listed_name(folder: Path, path: Path) -> str:
    """Returns the name by which the hashes list a file of their folder."""
    return path.relative_to(folder).as_posix()


def _read(path: Path) -> dict[str, str]:
    """Returns the name of each file to its hash; lines of another format are ignored."""
    if not path.exists():
        return {}
    try:
        require_regular(path)
        refuse_more(path.stat().st_size, _MAX_BYTES, "bytes")
        return {name: digest for digest, name in _LINE.findall(path.read_text(encoding="utf-8"))}
    except (OSError, ValueError) as error:
        raise RunError(
            f"The hashes in '{path.name}' cannot be read.",
            where=str(path),
            received=str(error),
            fix="Restore the file, or delete it if you trust the other files as they are.",
        ) from None
