"""Segments: the part of its file that each example is, by two columns of the table.

Convention: the columns are called `start_seconds` and `end_seconds`, or the table has none; a blank
cell is the file's own beginning or end. Media types without segments ignore these columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kerastl.errors import TableError, counted

START_COLUMN = "start_seconds"
END_COLUMN = "end_seconds"
COLUMNS = (START_COLUMN, END_COLUMN)

_MIN_RECORDINGS = 3  # fewer cannot be kept whole: there are three splits

Bounds = tuple[float | None, float | None]
WHOLE: Bounds = (None, None)


@dataclass(frozen=True, kw_only=True)
class Segments:
    """The part of its file that each example is."""

    values: np.ndarray  # `(examples, 2)` float64: beginning and end in seconds, NaN: the file's own
    out_of_range: tuple[tuple[int, str, str], ...] = ()  # row index, column and cell: no valid time

    def take(self, rows: np.ndarray) -> "Segments":
        """Returns the segments of these examples, in their order."""
        return Segments(values=self.values[rows])

    def bounds(self, row: int) -> Bounds:
        """Returns beginning and end of an example in seconds, None for the file's own."""
        start, end = (None if np.isnan(value) else float(value) for value in self.values[row])
        return start, end

    def texts(self) -> list[str]:
        """Returns a text for each example that differs among the segments of its file."""
        return ["" if np.isnan(pair).all() else f"{pair[0]}-{pair[1]}" for pair in self.values]


def cell_text(cell: Any) -> str:
    """Returns a cell of a table as text without outer spaces; a missing one is blank."""
    return "" if pd.api.types.is_scalar(cell) and pd.isna(cell) else str(cell).strip()


def read_segments(frame: pd.DataFrame) -> Segments | None:
    """Returns the segments in a table's columns, or None if there are none."""
    if not any(column in frame.columns for column in COLUMNS):
        return None
    values = np.full((len(frame), 2), np.nan)
    bad: list[tuple[int, str, str]] = []
    for place, column in enumerate(COLUMNS):
        if column in frame.columns:
            values[:, place], wrong = _seconds(frame[column].tolist())
            bad += [(row, column, str(frame[column].iloc[row])) for row in wrong]
    empty = np.flatnonzero(values[:, 1] <= np.nan_to_num(values[:, 0]))
    bad += [(int(row), END_COLUMN, f"{values[row, 1]:g}") for row in empty]
    values[[row for row, _, _ in bad]] = np.nan
    if np.isnan(values).all() and not bad:
        return None
    return Segments(values=values, out_of_range=tuple(sorted(bad)))


def refuse_bad_segments(segments: Segments | None, *, source: str) -> None:
    """Raises a `TableError` that names the first cell that is not a valid time."""
    if segments is None or not segments.out_of_range:
        return
    row, column, cell = segments.out_of_range[0]
    raise TableError(
        f"{counted(len(segments.out_of_range), 'cell')} of {START_COLUMN} and {END_COLUMN} "
        f"{'is not a valid time' if len(segments.out_of_range) == 1 else 'are not valid times'}.",
        where=f"{source}: row {row + 1}, column {column}",
        expected="seconds, 0 or more, the end after the start; blank for the file's own",
        received=f"'{cell}'",
    )


def recordings_as_groups(paths: Sequence[Path]) -> np.ndarray | None:
    """Returns the file of each segment as its group; None if there are too few to split."""
    names = np.array([str(path) for path in paths], dtype=object)
    num_recordings = len(set(names))
    return names if _MIN_RECORDINGS <= num_recordings < len(names) else None


def bounds_of(segments: Segments | None, row: int) -> Bounds:
    """Returns beginning and end of an example, also if there are no segments."""
    return WHOLE if segments is None else segments.bounds(row)


def _seconds(cells: Sequence[Any]) -> tuple[np.ndarray, list[int]]:
    texts = pd.Series([cell_text(cell) for cell in cells], dtype=str)
    values = pd.to_numeric(texts, errors="coerce").to_numpy(np.float64)
    wrong = (texts != "").to_numpy() & ~(np.isfinite(values) & (values >= 0))
    return np.where(wrong, np.nan, values), [int(row) for row in np.flatnonzero(wrong)]
