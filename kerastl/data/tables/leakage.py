"""Detection of the same file in several splits.

Convention: all segments of a recording are the same file.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerastl.data.tables.duplicates import Rows, equal_files, equal_paths
from kerastl.data.tables.examples import Examples
from kerastl.errors import counted
from kerastl.files import file_sha256

_SHOWN = 3


def leaks(paths: Sequence[Path], splits: np.ndarray) -> tuple[Rows, ...]:
    """Returns groups of two or more rows with the same bytes in different splits.

    Only files of equal size are read.

    Args:
        paths: File of each example; all exist.
        splits: Split of each example.
    """
    equals = (*equal_paths(paths), *equal_files(paths, _digests(paths)))
    return tuple(rows for rows in equals if len(set(splits[list(rows)])) > 1)


def leak_warning(examples: Examples) -> str | None:
    """Returns a sentence that names the first leaks, or None."""
    splits = examples.splits
    found = leaks(examples.paths, splits)
    if not found:
        return None

    def shown(rows: Rows) -> str:
        first = rows[0]
        other = next(row for row in rows if splits[row] != splits[first])
        names = [f"{examples.paths[row].name} in {splits[row]}" for row in (first, other)]
        return " and ".join(names)

    listed = "; ".join(shown(rows) for rows in found[:_SHOWN])
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    verb = "is" if len(found) == 1 else "are"
    return (
        f"{counted(len(found), 'file')} {verb} in different splits, byte for byte, so scores are "
        f"too optimistic: {listed}{more}. Give equal files the same value in a column and name it "
        "under data.group."
    )


def _digests(paths: Sequence[Path]) -> list[str | None]:
    sizes = [path.stat().st_size for path in paths]
    _, codes, counts = np.unique(sizes, return_inverse=True, return_counts=True)
    shared = counts[codes] > 1
    digests: dict[Path, str] = {}
    for path in dict.fromkeys(path for path, twice in zip(paths, shared, strict=True) if twice):
        digests[path] = file_sha256(path).hex()
    return [digests.get(path) for path in paths]
