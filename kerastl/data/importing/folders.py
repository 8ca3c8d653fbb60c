"""Tables from folders of files, one folder per class."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from kerastl.data.importing.made_table import (
    FILE_COLUMN,
    SPLIT_COLUMN,
    MadeTable,
    column_names,
    is_media_file,
    labels_frame,
    relative_path,
)
from kerastl.errors import TableError, counted
from kerastl.media.media_types import MEDIA_TYPES
from kerastl_runtime.files import file_sha256

SameFile = Literal["name", "bytes"]

ASSUMED = "A file outside of a class folder is 0 for the class, even if nobody looked for it."

_SPLIT_FOLDERS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}


@dataclass(frozen=True, kw_only=True)
class _Found:
    """A file below the folder of its class."""

    path: Path
    split: str | None
    label: str
    name: str


def table_from_folders(
    folder: str | Path, *, relative_to: str | Path, same_file: SameFile | None = None
) -> MadeTable:
    """Makes a table from a folder per class; each class becomes a yes/no column.

    Files may be at any depth below the folder of their class; hidden files and those that are
    neither images nor audio are left out. If the outer folders are called train, validation and
    test (or val, dev, ...), they become the column `split` and the classes are one level below.

    Args:
        folder: The folder of the classes.
        relative_to: Folder of the table.
        same_file: Which files of several classes are one example that is positive in all of them:
            those of the same `"name"` below the class folder, or of the same `"bytes"`; None: none.
    """
    root = Path(folder)
    parts = _parts_of(root)
    classes = sorted({child.name for _, part in parts for child in _subfolders(part)})
    if not classes:
        raise TableError(
            f"The folder '{root.name}' contains no class folders.",
            where=str(root),
            expected="one folder per class, with the files of the class in it",
        )
    columns = column_names(classes, where=str(root))
    every = [found for split, part in parts for found in _files(part, split)]
    media = [found for found in every if is_media_file(found.path)]
    if not media:
        kinds = " or ".join(media.collective for media in MEDIA_TYPES.values())
        raise TableError(
            f"The class folders contain no {kinds}.",
            where=str(root),
            expected="files such as .jpg, .png, .wav or .flac",
            received=counted(len(every), "other file") if every else "empty folders",
        )
    frame = _one_hot(media, same_file, classes, Path(relative_to))
    return MadeTable(
        frame=frame.rename(columns=columns),
        tasks=tuple(columns.values()),
        notes=_notes(root, every, media, len(frame), classes),
    )


def _parts_of(root: Path) -> list[tuple[str | None, Path]]:
    if not root.is_dir():
        raise TableError(
            f"There is no folder '{root.name}'.", where=str(root), expected="a folder per class"
        )
    children = _subfolders(root)
    splits = [_SPLIT_FOLDERS.get(child.name.lower()) for child in children]
    if children and all(splits) and all(map(_subfolders, children)):
        return list(zip(splits, children, strict=True))
    return [(None, root)]


def _subfolders(folder: Path) -> list[Path]:
    found = (child for child in folder.iterdir() if child.is_dir())
    return sorted(child for child in found if not child.name.startswith("."))


def _files(part: Path, split: str | None) -> Iterator[_Found]:
    for folder in _subfolders(part):
        for path in _walk(folder):
            name = path.relative_to(folder).as_posix()
            yield _Found(path=path, split=split, label=folder.name, name=name)


def _walk(folder: Path) -> Iterator[Path]:
    for current, subfolders, files in os.walk(folder):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        yield from (Path(current, name) for name in sorted(files) if not name.startswith("."))


def _one_hot(
    media: Sequence[_Found], same_file: SameFile | None, classes: Sequence[str], folder: Path
) -> pd.DataFrame:
    keys = [f"{found.split}\0{_identity(found, same_file)}" for found in media]
    codes, distinct = pd.factorize(pd.Series(keys, dtype=object))
    firsts = [media[row] for row in np.unique(codes, return_index=True)[1]]
    values = np.zeros((len(distinct), len(classes)), np.int8)
    values[codes, [classes.index(found.label) for found in media]] = 1
    lead = {FILE_COLUMN: [relative_path(found.path, folder) for found in firsts]}
    if firsts[0].split is not None:
        lead[SPLIT_COLUMN] = [str(found.split) for found in firsts]
    return pd.concat([pd.DataFrame(lead), labels_frame(values, classes)], axis=1)


def _identity(found: _Found, same_file: SameFile | None) -> str:
    if same_file == "bytes":
        return file_sha256(found.path).hex()
    return found.name if same_file == "name" else str(found.path)


def _notes(
    root: Path, every: Sequence[_Found], media: Sequence[_Found], num_rows: int, classes: list[str]
) -> tuple[str, ...]:
    notes = []
    if num_other := len(every) - len(media):
        notes.append(f"Left out: {counted(num_other, 'file')} of no known format.")
    if loose := sum(is_media_file(path) for path in root.iterdir() if path.is_file()):
        notes.append(f"Left out: {counted(loose, 'file')} outside of class folders.")
    if num_merged := len(media) - num_rows:
        notes.append(
            f"Merged: {counted(num_merged, 'copy', 'copies')} of files in further classes."
        )
    if empty := sorted(set(classes) - {found.label for found in media}):
        notes.append(f"No file shows {', '.join(empty)}: these columns contain only 0.")
    notes.append(ASSUMED)
    return tuple(notes)
