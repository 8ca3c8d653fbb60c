"""Cuts: the part of its file that each example is, by columns of the table.

Convention: each media type states its columns, such as `start_seconds` and `end_seconds` of audio;
a blank cell is the file's own beginning, end, extent or first frame.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kerastl.errors import TableError, counted
from kerastl.media.base import MediaType
from kerastl_runtime.decoder import WHOLE, Cut
from kerastl_runtime.media_file import MediaFile

_MIN_FILES = 3  # fewer cannot be kept whole: there are three splits


@dataclass(frozen=True, kw_only=True)
class BadCutCell:
    """A cell that is no part of a valid cut."""

    row: int  # index
    column: str
    cell: str
    reason: str  # what follows after the cell: "is not ..."


@dataclass(frozen=True, kw_only=True)
class Cuts:
    """The part of its file that each example is."""

    columns: tuple[str, ...]  # all of the media type
    values: np.ndarray  # `(examples, columns)` float64, NaN: blank
    bad_cells: tuple[BadCutCell, ...] = ()

    @classmethod
    def gather(cls, cuts: Iterable[Cut], columns: Sequence[str]) -> "Cuts | None":
        """Returns the cuts of examples, None if all of them are whole files."""
        rows = [cut or (None,) * len(columns) for cut in cuts]
        values = np.array(rows, np.float64).reshape(len(rows), len(columns))
        return None if np.isnan(values).all() else cls(columns=tuple(columns), values=values)

    def take(self, rows: np.ndarray) -> "Cuts":
        """Returns the cuts of these examples, in their order."""
        return Cuts(columns=self.columns, values=self.values[rows])

    def of(self, row: int) -> Cut:
        """Returns the cut of an example."""
        return _cut(self.values[row].tolist())

    def table_columns(self) -> dict[str, np.ndarray]:
        """Returns the columns of a table that states the cuts; those without a value are left out.

        Each is `(examples,)` float64, NaN: blank.
        """
        found = zip(self.columns, self.values.T, strict=True)
        return {column: values for column, values in found if not np.isnan(values).all()}


def cell_text(cell: Any) -> str:
    """Returns a cell of a table as text without outer spaces; a missing one is blank."""
    return "" if pd.api.types.is_scalar(cell) and pd.isna(cell) else str(cell).strip()


def read_cuts(
    frame: pd.DataFrame, media: MediaType, *, tasks: Sequence[str], sizes: Sequence[int] = ()
) -> Cuts | None:
    """Returns the cuts in a table's columns, or None if there are none; tasks are no cuts.

    `sizes` are the numbers of rows of the tables that follow each other in the frame.
    """
    columns = media.cut_columns
    used = media.used_cut_columns([name for name in map(str, frame.columns) if name not in tasks])
    values = np.full((len(frame), len(columns)), np.nan)
    bad: list[tuple[int, int, str]] = []
    for column in used:
        place = columns.index(column)
        values[:, place], wrong = _numbers(frame[column])
        bad += [(row, place, "is not a number of 0 or more") for row in wrong]
    are_numbers = np.ones(len(frame), bool)
    are_numbers[[row for row, _, _ in bad]] = False
    end = 0
    for size in sizes or [len(frame)]:
        start, end = end, end + size
        found = media.bad_cuts(values[start:end])
        bad += [
            (row + start, place, reason) for row, place, reason in found if are_numbers[row + start]
        ]
    values[[row for row, _, _ in bad]] = np.nan
    if np.isnan(values).all() and not bad:
        return None
    cells = (
        BadCutCell(
            row=row,
            column=columns[place],
            cell=cell_text(frame[columns[place]].iloc[row]),
            reason=reason,
        )
        for row, place, reason in sorted(bad)
    )
    return Cuts(columns=columns, values=values, bad_cells=tuple(cells))


def stored_cuts(frame: pd.DataFrame, media: MediaType) -> list[Cut]:
    """Returns the cut in each row of a table of a run."""
    columns = [name if f"{name}_label" not in frame else None for name in media.cut_columns]
    return list(map(_cut, frame.reindex(columns=columns).to_numpy(np.float64).tolist()))


def refuse_bad_cuts(cuts: Cuts | None, media: MediaType, *, source: str) -> None:
    """Raises a `TableError` that names the first cell that is no part of a valid cut."""
    if cuts is None or not cuts.bad_cells:
        return
    first, num_bad = cuts.bad_cells[0], len(cuts.bad_cells)
    raise TableError(
        f"{counted(num_bad, 'cell')} of {', '.join(cuts.columns[:-1])} and {cuts.columns[-1]} "
        f"{'is' if num_bad == 1 else 'are'} not valid.",
        where=f"{source}: row {first.row + 1}, column {first.column}",
        expected=media.cut_cells,
        received=f"'{first.cell}', which {first.reason}",
        fix="Correct the cells, or rename the columns if they mean something else.",
    )


def files_as_groups(files: Sequence[MediaFile]) -> np.ndarray | None:
    """Returns the file of each cut as its group; None if there are too few to split."""
    names = np.array([str(file) for file in files], dtype=object)
    num_files = len(set(names))
    return names if _MIN_FILES <= num_files < len(names) else None


def cut_of(cuts: Cuts | None, row: int) -> Cut:
    """Returns the cut of an example, also if all examples are whole files."""
    return WHOLE if cuts is None else cuts.of(row)


def each_cut(cuts: Cuts | None, count: int) -> list[Cut]:
    """Returns the cuts of so many examples, also if all of them are whole files."""
    return [WHOLE] * count if cuts is None else list(map(_cut, cuts.values.tolist()))


def _cut(values: Sequence[float]) -> Cut:
    cut = tuple([None if math.isnan(value) else value for value in values])
    return WHOLE if cut.count(None) == len(cut) else cut


def _numbers(cells: pd.Series) -> tuple[np.ndarray, list[int]]:
    texts = pd.Series([cell_text(cell) for cell in cells.tolist()], dtype=str)
    values = pd.to_numeric(texts, errors="coerce").to_numpy(np.float64)
    wrong = (texts != "").to_numpy() & ~(np.isfinite(values) & (values >= 0))
    return np.where(wrong, np.nan, values), [int(row) for row in np.flatnonzero(wrong)]
