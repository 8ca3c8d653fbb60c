"""Finds the same file in different splits: what is tested on must not have been trained on.

Convention: of a recording that is cut into examples all parts are the same file.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerastl.data.tables.duplicates import Rows, equal_files, equal_paths
from kerastl.data.tables.table import Table
from kerastl.files import file_sha256

_SHOWN = 3


def leaks(paths: Sequence[Path], parts: np.ndarray) -> tuple[Rows, ...]:
    """Returns the rows that show the same bytes in different splits, two or more at a time.

    Only files of equal size are read.

    Args:
        paths: File of each example; all exist.
        parts: Split of each example.
    """
    equals = (*equal_paths(paths), *equal_files(paths, _digests(paths)))
    return tuple(rows for rows in equals if len(set(parts[list(rows)])) > 1)


def leak_warning(table: Table, parts: np.ndarray) -> str | None:
    """Returns one sentence that names the first leaks, or None."""
    found = leaks(table.paths, parts)
    if not found:
        return None
    shown = "; ".join(_shown(table, parts, rows) for rows in found[:_SHOWN])
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    count = "1 file is" if len(found) == 1 else f"{len(found)} files are"
    return (
        f"{count} in different splits, byte for byte, so scores are flattered: {shown}{more}. "
        "Give equal files the same value in a column and name it under data.group."
    )


def _digests(paths: Sequence[Path]) -> list[str | None]:
    sizes = [path.stat().st_size for path in paths]
    _, codes, counts = np.unique(sizes, return_inverse=True, return_counts=True)
    shared = counts[codes] > 1
    digests: dict[Path, str] = {}
    for path in dict.fromkeys(path for path, twice in zip(paths, shared, strict=True) if twice):
        digests[path] = file_sha256(path).hex()
    return [digests.get(path) for path in paths]


def _shown(table: Table, parts: np.ndarray, rows: Rows) -> str:
    first = rows[0]
    other = next(row for row in rows if parts[row] != parts[first])
    return (
        f"{table.paths[first].name} in {parts[first]} and {table.paths[other].name} in "
        f"{parts[other]}"
    )
