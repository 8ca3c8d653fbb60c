"""Merging of several tables: a file that more than one of them names becomes one example.

Convention: a label that only one table knows is known. If two tables disagree, merging raises an
error that names the rows.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from kerastl.data.tables.examples import Examples
from kerastl.errors import LabelError, TableError, counted
from kerastl.media.cuts import cell_text, each_cut

_SHOWN = 3


class Origins:
    """Which table each row of concatenated tables of these sizes comes from."""

    def __init__(self, paths: Sequence[Path], sizes: Sequence[int]):
        self.paths = paths
        self.table = np.repeat(np.arange(len(sizes)), sizes)  # index of the table of each row
        self.row = np.concatenate([np.arange(size) for size in sizes])  # within its table

    def place(self, row: int) -> str:
        """Returns row and table in words: "row 3 of a.csv"."""
        path = self.paths[self.table[row]]
        is_unique = [other.name for other in self.paths].count(path.name) == 1
        name = path.name if is_unique else f"{path.parent.name}/{path.name}"
        return f"row {self.row[row] + 1} of {name}"


def merge_examples(examples: Examples, origins: Origins, same: Sequence[str]) -> Examples:
    """Returns the concatenated rows of tables with one row for each file that several name.

    The columns `same` must be equal in all rows of a file: its group and split.
    """
    codes = _example_numbers(examples, origins)
    if len(codes) == codes.max() + 1:
        return examples
    for column in same:
        _refuse_differences(examples, column, codes, origins)
    _refuse_contradictions(examples, codes, origins)
    first = np.unique(codes, return_index=True)[1]
    labels, training_labels = (
        _merged(given, ~np.isnan(given), codes, np.nan)
        for given in (examples.labels, examples.training_labels)
    )
    uncertain = _merged(examples.uncertain, examples.uncertain, codes, False)
    return replace(
        examples,
        frame=_merged_frame(examples.frame, codes),
        files=tuple(examples.files[row] for row in first),
        labels=labels,
        training_labels=np.where(np.isnan(labels), training_labels, labels),
        uncertain=uncertain & np.isnan(labels),
        groups=_groups(examples, same, codes, first),
        cuts=None if examples.cuts is None else examples.cuts.take(first),
    )


def _example_numbers(examples: Examples, origins: Origins) -> np.ndarray:
    """Returns the number of each row's example, in the order of their first rows.

    Rows of one table stay separate unless another table names their file (or cut) too.
    """
    split = [os.path.split(str(file)) for file in examples.files]
    folders = {folder: os.path.realpath(folder) for folder in {folder for folder, _ in split}}
    parts = each_cut(examples.cuts, len(split))
    keys = pd.Series(
        [
            f"{folders[folder]}/{name}\0{part}"
            for (folder, name), part in zip(split, parts, strict=True)
        ]
    )
    shared = pd.Series(origins.table).groupby(keys.to_numpy()).transform("nunique") > 1
    apart = pd.Series([f"row {row}" for row in range(len(split))])
    return pd.factorize(keys.where(shared, apart))[0]


def _merged(values: np.ndarray, given: np.ndarray, codes: np.ndarray, fill: float) -> np.ndarray:
    """Returns the given values of each example, `(examples, tasks)`, and `fill` elsewhere."""
    merged = np.full((int(codes.max()) + 1, values.shape[1]), fill, values.dtype)
    rows, columns = np.nonzero(given)
    merged[codes[rows], columns] = values[rows, columns]
    return merged


def _merged_frame(frame: pd.DataFrame, codes: np.ndarray) -> pd.DataFrame:
    """Returns the first cell of each example that is not blank, column by column."""
    filled = frame.mask(frame.apply(lambda column: column.map(cell_text).astype(object) == ""))
    merged = filled.groupby(codes, sort=True).first().reset_index(drop=True)
    texts = [name for name in merged.columns if merged[name].dtype == object]
    return merged.fillna(dict.fromkeys(texts, ""))[list(frame.columns)]


def _groups(
    examples: Examples, same: Sequence[str], codes: np.ndarray, first: np.ndarray
) -> np.ndarray | None:
    if examples.groups is None:
        return None
    groups = examples.groups[first]
    if not examples.grouped_by_file:
        cells = examples.frame[same[0]].map(cell_text).to_numpy(dtype=object)
        given = np.flatnonzero(cells != "")
        groups[codes[given]] = examples.groups[given]
    return groups


def _refuse_differences(
    examples: Examples, column: str, codes: np.ndarray, origins: Origins
) -> None:
    if column not in examples.frame.columns:
        return
    cells = examples.frame[column].map(cell_text).to_numpy(dtype=object)
    given = np.flatnonzero(cells != "")
    distinct = pd.Series(cells[given]).groupby(codes[given]).nunique()
    different = distinct.index[distinct > 1].to_numpy()
    if not len(different):
        return
    problems = []
    for code in different[:_SHOWN]:
        rows = given[codes[given] == code]
        one, other = rows[0], next(row for row in rows if cells[row] != cells[rows[0]])
        problems.append(
            f"{examples.files[one].name}: '{cells[one]}' in {origins.place(one)}, "
            f"'{cells[other]}' in {origins.place(other)}"
        )
    raise TableError(
        f"The tables disagree about the column '{column}' of {counted(len(different), 'file')}.",
        problems=[*problems, *_more(len(different))],
        where=examples.source,
        expected="the same cell in every row of a file, or a blank",
        fix="Correct the cells. A file in two groups or splits would be in both training and test.",
    )


def _refuse_contradictions(examples: Examples, codes: np.ndarray, origins: Origins) -> None:
    found = list(_contradictions(examples, codes))
    if not found:
        return
    problems = [
        f"{task} of {examples.files[yes].name}: yes in {origins.place(yes)}, "
        f"no in {origins.place(no)}"
        for task, yes, no in found[:_SHOWN]
    ]
    raise LabelError(
        f"The tables contradict each other in {counted(len(found), 'label')}.",
        problems=[*problems, *_more(len(found))],
        where=examples.source,
        expected="one answer per file and task; blank if a table does not know it",
        fix="Correct the cells, or blank those that are wrong.",
    )


def _contradictions(examples: Examples, codes: np.ndarray) -> Iterator[tuple[str, int, int]]:
    """Yields a task with a positive and a negative row of the same file."""
    for column, task in enumerate(examples.tasks):
        labels = examples.labels[:, column]
        rows = {}
        for value in (1.0, 0.0):
            holders = np.flatnonzero(labels == value)
            rows[value] = dict(zip(codes[holders][::-1], holders[::-1], strict=True))
        for code in sorted(rows[1.0].keys() & rows[0.0].keys()):
            yield task, int(rows[1.0][code]), int(rows[0.0][code])


def _more(count: int) -> list[str]:
    return [f"and {count - _SHOWN} more"] if count > _SHOWN else []
