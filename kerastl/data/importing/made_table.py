"""Tables that importers make from other formats.

Convention: paths are relative to the folder of the table, so that both can be moved together.
"""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kerastl.errors import TableError, counted
from kerastl.files import in_utf8
from kerastl.media.media_types import MEDIA_TYPES

FILE_COLUMN = "path"
SPLIT_COLUMN = "split"
UNKNOWN = -1


@dataclass(frozen=True, kw_only=True)
class MadeTable:
    """A table that was made from another layout."""

    frame: pd.DataFrame  # `path`, perhaps `split`, and one column of 1, 0 or blank per task
    tasks: tuple[str, ...]
    notes: tuple[str, ...]  # one sentence about each kind of rows that were left out or merged


def relative_path(path: Path, folder: Path) -> str:
    """Returns a path relative to a folder, with forward slashes.

    Raises:
        TableError: It is not UTF-8, as tables are.
    """
    found = Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()
    if in_utf8(found) != found:
        raise TableError(
            "A table cannot contain a name that is not UTF-8.",
            where=in_utf8(found),
            fix="Rename the file or the folder.",
        )
    return found


def column_name(name: str) -> str:
    """Returns a name in lower snake case: `"Traffic light"` is `"traffic_light"`."""
    return re.sub(r"\W+", "_", name.strip().lower()).strip("_")


def column_names(names: Iterable[str], *, where: str) -> Mapping[str, str]:
    """Returns each name with its column, or raises a `TableError` if two would share one."""
    columns: dict[str, str] = {}
    taken = {FILE_COLUMN: "the file", SPLIT_COLUMN: "the split", "": "nothing"}
    for name in names:
        column = column_name(name)
        if column in taken:
            raise TableError(
                f"The name '{name}' cannot become a column.",
                where=where,
                expected="names that differ in letters or digits, regardless of case",
                received=f"'{column}', which stands for {taken[column]}",
                fix="Rename one of the two.",
            )
        taken[column] = f"'{name}'"
        columns[name] = column
    return columns


def labels_frame(values: np.ndarray, columns: Sequence[str]) -> pd.DataFrame:
    """Returns 1, 0 and blank for 1, 0 and `UNKNOWN`, shape `(examples, tasks)`."""
    arrays = {
        column: pd.arrays.IntegerArray(values[:, index].copy(), values[:, index] == UNKNOWN)
        for index, column in enumerate(columns)
    }
    return pd.DataFrame(arrays)


def is_media_file(path: Path) -> bool:
    """Whether the ending of a name is one of images or audio."""
    return any(media.matches(path) for media in MEDIA_TYPES.values())


def existing_files(
    paths: Sequence[Path | None], names: Sequence[str], *, folder: Path, option: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Returns the indices of the files that exist, and a note about the others.

    Args:
        paths: Each file; None if it was not found.
        names: What the source calls each file, for messages.
        folder: Folder with the files, which the user named with `option`.

    Raises:
        TableError: None exists.
    """
    # Path.is_file fails if a name is too long.
    present = np.array([path is not None and os.path.isfile(path) for path in paths], bool)  # noqa: PTH113
    if not present.any():
        example = f", such as {names[0]}" if names else ""
        raise TableError(
            "None of the files exists.",
            where=str(folder),
            expected=f"{counted(len(names), 'file')}{example}",
            fix=f"Name the folder that contains the files with {option}.",
        )
    missing = np.flatnonzero(~present)
    if not missing.size:
        return np.flatnonzero(present), ()
    note = f"Left out: {len(missing):,} of {counted(len(names), 'file')} that are missing, first "
    return np.flatnonzero(present), (f"{note}{names[missing[0]]}.",)
