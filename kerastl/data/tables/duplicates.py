"""Detection of equal rows: equal cells, paths or bytes.

Convention: examples that are cut out of files are equal if both file and cut are.
"""

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
import pandas as pd

from kerastl.data.tables.examples import Examples
from kerastl.media.cuts import Cuts, each_cut
from kerastl_runtime.media_file import MediaFile

Rows = tuple[int, ...]


def same(keys: Iterable[Hashable | None]) -> tuple[Rows, ...]:
    """Returns groups of two or more indices with equal keys; None equals nothing."""
    found: dict[Hashable, list[int]] = {}
    for index, key in enumerate(keys):
        if key is not None:
            found.setdefault(key, []).append(index)
    return tuple(tuple(rows) for rows in found.values() if len(rows) > 1)


def equal_rows(frame: pd.DataFrame) -> tuple[Rows, ...]:
    """Returns the rows whose cells are all equal."""
    cells = frame.astype(str)
    repeated = np.flatnonzero(cells.duplicated(keep=False))
    found = same(cells.iloc[repeated].itertuples(index=False, name=None))
    return tuple(tuple(repeated[list(rows)].tolist()) for rows in found)


def equal_paths(files: Sequence[MediaFile], cuts: Cuts | None = None) -> tuple[Rows, ...]:
    """Returns the rows that name the same file and the same part of it."""
    return same(zip(files, each_cut(cuts, len(files)), strict=True))


def equal_files(
    files: Sequence[MediaFile], digests: Sequence[str | None], cuts: Cuts | None = None
) -> tuple[Rows, ...]:
    """Returns the rows whose files have different names but equal bytes, one row for each name.

    Parts of such files are equal if their cuts are.
    """
    examples = list(zip(files, each_cut(cuts, len(files)), strict=True))
    first = {example: row for row, example in reversed(list(enumerate(examples)))}
    return same(
        (digest, example[1]) if digest is not None and first[example] == row else None
        for row, (example, digest) in enumerate(zip(examples, digests, strict=True))
    )


def contradictions(examples: Examples, equals: Iterable[Rows]) -> tuple[tuple[str, Rows], ...]:
    """Returns task and rows of equal examples with different known labels."""
    found = []
    for rows in equals:
        labels = examples.labels[list(rows)]
        for column, task in enumerate(examples.tasks):
            if len(np.unique(labels[~np.isnan(labels[:, column]), column])) > 1:
                found.append((task, rows))
    return tuple(found)


def across_groups(groups: np.ndarray | None, equals: Iterable[Rows]) -> tuple[Rows, ...]:
    """Returns the equal examples that are in different groups."""
    if groups is None:
        return ()
    return tuple(rows for rows in equals if len(set(groups[list(rows)])) > 1)
