"""The splits of a run as they were drawn: `splits.csv`."""

from pathlib import Path

import numpy as np
import pandas as pd

from kerastl.data.tables.table import Table
from kerastl.errors import RunError
from kerastl.media.segments import COLUMNS

FILE_NAME = "splits.csv"


def splits_frame(table: Table, parts: np.ndarray) -> pd.DataFrame:
    """Returns the frame that `splits.csv` holds: path, segment and group where given, split."""
    columns = example_columns(table)
    if table.groups is not None:
        columns["group"] = table.groups
    return pd.DataFrame({**columns, "split": parts})


def example_columns(table: Table) -> dict[str, object]:
    """Returns the columns that say which example a row is: path, and segment where given."""
    columns: dict[str, object] = {"path": [str(path) for path in table.paths]}
    if table.segments is not None:
        columns |= dict(zip(COLUMNS, table.segments.values.T, strict=True))
    return columns


def read_splits(run: Path, table: Table) -> np.ndarray:
    """Returns the split of each example of the run's own table, in the table's order.

    Raises:
        RunError: The table has changed since.
    """
    frame = pd.read_csv(run / FILE_NAME, dtype=str)
    if not _are_examples_of(frame, table):
        raise RunError(
            "The table has changed since the run was trained.",
            where=table.source,
            expected=f"the {len(frame)} rows of splits.csv in their order",
            received=f"{len(table)} rows",
            fix="Restore the table, or score it whole with --table.",
        )
    return frame["split"].to_numpy(dtype=object)


def _are_examples_of(frame: pd.DataFrame, table: Table) -> bool:
    if list(frame["path"]) != [str(path) for path in table.paths]:
        return False
    if table.segments is None:
        return not set(COLUMNS) & set(frame.columns)
    if not set(COLUMNS) <= set(frame.columns):
        return False
    stored = frame[list(COLUMNS)].to_numpy(dtype=np.float64)
    return np.array_equal(stored, table.segments.values, equal_nan=True)
