"""Files on this machine for paths that were written on another."""

import os
from pathlib import Path, PurePosixPath


def find_file(path: str, folder: Path, *further_names: str) -> Path | None:
    """Returns the file in a folder that has the longest end of a path, or None.

    The path cannot lead out of the folder. `further_names` are tried instead of its last part.
    """
    names = [name for name in PurePosixPath(path).parts if name not in ("/", "..")]
    if not names:
        return None
    *parents, last = names
    candidates = (
        folder.joinpath(*parents[start:], name)
        for start in range(len(names))
        for name in (last, *further_names)
    )
    # Path.is_file fails if a name is too long.
    return next((found for found in candidates if os.path.isfile(found)), None)  # noqa: PTH113
