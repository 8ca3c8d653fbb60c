"""The splits of a run as they were drawn: `splits.csv`."""

from pathlib import Path

import numpy as np
import pandas as pd

from kerastl.data.tables.examples import Examples
from kerastl.errors import RunError
from kerastl.media.segments import COLUMNS

FILE_NAME = "splits.csv"


def splits_frame(examples: Examples) -> pd.DataFrame:
    """Returns the contents of `splits.csv`: path, segment and group if there are any, split."""
    columns = example_columns(examples)
    if examples.groups is not None:
        columns["group"] = examples.groups
    return pd.DataFrame({**columns, "split": examples.splits})


def example_columns(examples: Examples) -> dict[str, object]:
    """Returns the columns that say which example a row is: path, and segment where given."""
    columns: dict[str, object] = {"path": [str(path) for path in examples.paths]}
    if examples.segments is not None:
        columns |= dict(zip(COLUMNS, examples.segments.values.T, strict=True))
    return columns


def read_splits(run: Path, examples: Examples) -> Examples:
    """Returns the examples of the run's own table with the splits that the run stored.

    Raises:
        RunError: The table has changed since.
    """
    frame = pd.read_csv(run / FILE_NAME, dtype=str)
    if not _are_examples_of(frame, examples):
        raise RunError(
            "The table has changed since the run was trained.",
            where=examples.source,
            expected=f"the {len(frame)} rows of splits.csv in their order",
            received=f"{len(examples)} rows",
            fix="Restore the table, or score it whole with --table.",
        )
    return examples.with_splits(frame["split"].to_numpy(dtype=object))


def _are_examples_of(frame: pd.DataFrame, examples: Examples) -> bool:
    if list(frame["path"]) != [str(path) for path in examples.paths]:
        return False
    if examples.segments is None:
        return not set(COLUMNS) & set(frame.columns)
    if not set(COLUMNS) <= set(frame.columns):
        return False
    stored = frame[list(COLUMNS)].to_numpy(dtype=np.float64)
    return np.array_equal(stored, examples.segments.values, equal_nan=True)
