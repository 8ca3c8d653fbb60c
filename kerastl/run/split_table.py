"""The splits of a run as they were drawn, and which example each row stands for."""

import numpy as np
import pandas as pd

from kerastl.data.tables.examples import Examples
from kerastl.errors import RunError, counted
from kerastl.media.segments import COLUMNS


def splits_frame(examples: Examples) -> pd.DataFrame:
    """Returns path, segment and group (if there are any), and split of each example."""
    columns = example_columns(examples)
    if examples.groups is not None:
        columns["group"] = examples.groups
    return pd.DataFrame({**columns, "split": examples.splits})


def example_columns(examples: Examples) -> dict[str, object]:
    """Returns the columns that identify each example: path, and segment if there are any."""
    columns: dict[str, object] = {"path": [str(path) for path in examples.paths]}
    if examples.segments is not None:
        columns |= dict(zip(COLUMNS, examples.segments.values.T, strict=True))
    return columns


def with_stored_splits(examples: Examples, splits: pd.DataFrame) -> Examples:
    """Returns the examples of a run's own table with the splits that the run stored.

    Raises:
        RunError: The table has changed since the run was trained.
    """
    if not _are_same_examples(splits, examples):
        raise RunError(
            "The table has changed since the run was trained.",
            where=examples.source,
            expected=f"the {counted(len(splits), 'row')} of splits.csv in the same order",
            received=counted(len(examples), "row"),
            fix="Restore the table, or score it as a whole with --table.",
        )
    return examples.with_splits(splits["split"].to_numpy(dtype=object))


def _are_same_examples(splits: pd.DataFrame, examples: Examples) -> bool:
    if list(splits["path"]) != [str(path) for path in examples.paths]:
        return False
    stored = splits[[name for name in COLUMNS if name in splits]].to_numpy(dtype=np.float64)
    segments = np.zeros((len(splits), 0)) if examples.segments is None else examples.segments.values
    return np.array_equal(stored, segments, equal_nan=True)
