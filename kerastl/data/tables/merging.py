"""Several tables as one: a file that more than one of them names is one example.

Convention: what one table knows and another doesn't is known; where two tables say different
things nobody is believed, and the rows are named.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kerastl.data.tables.labels import TaskLabels
from kerastl.errors import LabelError, TableError

if TYPE_CHECKING:
    from kerastl.data.tables.table import Table

_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Origins:
    """Which table each row comes from.

    Args:
        names: Names of the tables, for messages.
        table: Index of the table of each row.
        row: Number of the row within its table, from 0.
    """

    names: tuple[str, ...]
    table: np.ndarray
    row: np.ndarray

    @classmethod
    def of(cls, paths: Sequence[Path], sizes: Sequence[int]) -> "Origins":
        """Returns the origins of rows of tables that were put below each other."""
        return cls(
            names=_names(paths),
            table=np.repeat(np.arange(len(sizes)), sizes),
            row=np.concatenate([np.arange(size) for size in sizes]),
        )

    def place(self, row: int) -> str:
        """Returns where a row stands, in words."""
        return f"row {self.row[row] + 1} of {self.names[self.table[row]]}"


def merge_examples(table: "Table", origins: Origins, same: Sequence[str]) -> "Table":
    """Returns the table with one row for each file that several tables name.

    Args:
        table: The rows of all tables, below each other.
        origins: Which table each row comes from.
        same: Columns that must say the same wherever a file is named: its group and split.

    Raises:
        LabelError: A file is positive in one table and negative in another.
        TableError: A file's group or split differs between tables.
    """
    codes = _examples(table, origins)
    if len(codes) == codes.max() + 1:
        return table
    for column in same:
        _refuse_differences(table, column, codes, origins)
    _refuse_contradictions(table, codes, origins)
    first = np.unique(codes, return_index=True)[1]
    decoded = {task: _merged(labels, codes) for task, labels in table.decoded.items()}
    return replace(
        table,
        frame=_merged_frame(table.frame, codes),
        paths=tuple(table.paths[row] for row in first),
        labels=np.stack([one.labels for one in decoded.values()], axis=1),
        training_labels=np.stack([one.training_labels for one in decoded.values()], axis=1),
        groups=_groups(table, same, codes, first),
        decoded=decoded,
        segments=None if table.segments is None else table.segments.take(first),
    )


def _names(paths: Sequence[Path]) -> tuple[str, ...]:
    names = [path.name for path in paths]
    return tuple(
        path.name if names.count(path.name) == 1 else f"{path.parent.name}/{path.name}"
        for path in paths
    )


def _examples(table: "Table", origins: Origins) -> np.ndarray:
    """Returns the number of each row's example, in the order of their first rows.

    Rows of one table stay apart, unless another table names their file, or segment of it, too.
    """
    paths = table.paths
    split = [os.path.split(path) for path in paths]
    folders = {folder: os.path.realpath(folder) for folder in {folder for folder, _ in split}}
    parts = [""] * len(paths) if table.segments is None else table.segments.texts()
    keys = pd.Series(
        [
            f"{folders[folder]}/{name}\0{part}"
            for (folder, name), part in zip(split, parts, strict=True)
        ]
    )
    shared = pd.Series(origins.table).groupby(keys.to_numpy()).transform("nunique") > 1
    apart = pd.Series([f"row {row}" for row in range(len(paths))])
    return pd.factorize(keys.where(shared, apart))[0]


def _merged(labels: TaskLabels, codes: np.ndarray) -> TaskLabels:
    num_examples = int(codes.max()) + 1
    merged = np.full(num_examples, np.nan, np.float32)
    training = merged.copy()
    for source, target in ((labels.training_labels, training), (labels.labels, merged)):
        known = ~np.isnan(source)
        target[codes[known]] = source[known]
    uncertain = np.zeros(num_examples, bool)
    uncertain[codes[labels.uncertain]] = True
    return TaskLabels(
        labels=merged,
        training_labels=np.where(np.isnan(merged), training, merged),
        uncertain=uncertain & np.isnan(merged),
        out_of_range=tuple((int(codes[row]), cell) for row, cell in labels.out_of_range),
    )


def _merged_frame(frame: pd.DataFrame, codes: np.ndarray) -> pd.DataFrame:
    """Returns the first cell that isn't blank, column by column."""
    filled = frame.mask(_blank(frame))
    merged = filled.groupby(codes, sort=True).first().reset_index(drop=True)
    texts = [name for name in merged.columns if merged[name].dtype == object]
    return merged.fillna(dict.fromkeys(texts, ""))[list(frame.columns)]


def _groups(
    table: "Table", same: Sequence[str], codes: np.ndarray, first: np.ndarray
) -> np.ndarray | None:
    if table.groups is None or table.grouped_by_recording:
        return None if table.groups is None else table.groups[first]
    return _merged_groups(table, same[0], codes, first)


def _merged_groups(table: "Table", column: str, codes: np.ndarray, first: np.ndarray) -> np.ndarray:
    assert table.groups is not None
    groups = table.groups[first].copy()
    given = np.flatnonzero(~_blank(table.frame[[column]]).to_numpy()[:, 0])
    groups[codes[given]] = table.groups[given]
    return groups


def _blank(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.apply(lambda column: column.isna() | (column.astype(str).str.strip() == ""))


def _refuse_differences(table: "Table", column: str, codes: np.ndarray, origins: Origins) -> None:
    if column not in table.frame.columns:
        return
    cells = table.frame[column].astype(str).str.strip().to_numpy()
    given = np.flatnonzero(~_blank(table.frame[[column]]).to_numpy()[:, 0])
    distinct = pd.Series(cells[given]).groupby(codes[given]).nunique()
    different = distinct.index[distinct > 1].to_numpy()
    if not len(different):
        return
    problems = []
    for code in different[:_SHOWN]:
        one, other = _first_two(given[codes[given] == code], cells)
        problems.append(
            f"{table.paths[one].name}: '{cells[one]}' in {origins.place(one)}, "
            f"'{cells[other]}' in {origins.place(other)}"
        )
    raise TableError(
        f"The tables disagree about the column '{column}' of {_files(len(different))}.",
        problems=[*problems, *_more(len(different))],
        where=table.source,
        expected="the same cell wherever a file is named, or a blank",
        fix="Correct the cells: a file that is in two groups or splits would be trained and "
        "tested on.",
    )


def _refuse_contradictions(table: "Table", codes: np.ndarray, origins: Origins) -> None:
    found = list(_contradictions(table, codes))
    if not found:
        return
    problems = [
        f"{task} of {table.paths[yes].name}: yes in {origins.place(yes)}, no in {origins.place(no)}"
        for task, yes, no in found[:_SHOWN]
    ]
    count = "1 label" if len(found) == 1 else f"{len(found)} labels"
    raise LabelError(
        f"The tables contradict each other about {count}.",
        problems=[*problems, *_more(len(found))],
        where=table.source,
        expected="one answer per file and task; blank where a table doesn't know",
        fix="Correct the cells, or blank those that are wrong.",
    )


def _contradictions(table: "Table", codes: np.ndarray) -> Iterator[tuple[str, int, int]]:
    """Yields task, a row that says yes and one that says no about the same file."""
    for column, task in enumerate(table.tasks):
        labels = table.labels[:, column]
        rows = {}
        for value in (1.0, 0.0):
            holders = np.flatnonzero(labels == value)
            rows[value] = dict(zip(codes[holders][::-1], holders[::-1], strict=True))
        for code in sorted(rows[1.0].keys() & rows[0.0].keys()):
            yield task, int(rows[1.0][code]), int(rows[0.0][code])


def _first_two(rows: np.ndarray, cells: np.ndarray) -> tuple[int, int]:
    """Returns the first row and the first that says something else."""
    other = next(row for row in rows if cells[row] != cells[rows[0]])
    return int(rows[0]), int(other)


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _more(count: int) -> list[str]:
    return [f"and {count - _SHOWN} more"] if count > _SHOWN else []
