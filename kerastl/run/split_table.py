"""The splits of a run as they were drawn, and which example each row stands for."""

import pandas as pd

from kerastl.data.tables.examples import Examples
from kerastl.errors import RunError, counted
from kerastl.media.cuts import each_cut, stored_cuts
from kerastl.media.media_types import media_type


def splits_frame(examples: Examples) -> pd.DataFrame:
    """Returns path, cut and group (if there are any), and split of each example."""
    columns = example_columns(examples)
    if examples.groups is not None:
        columns["group"] = examples.groups
    return pd.DataFrame({**columns, "split": examples.splits})


def example_columns(examples: Examples) -> dict[str, object]:
    """Returns the columns that identify each example: path, and cut if there are any."""
    columns: dict[str, object] = {"path": [str(file) for file in examples.files]}
    return columns if examples.cuts is None else {**columns, **examples.cuts.table_columns()}


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
    if list(splits["path"]) != [str(file) for file in examples.files]:
        return False
    stored = stored_cuts(splits, media_type(examples.modality))
    return stored == each_cut(examples.cuts, len(examples))
