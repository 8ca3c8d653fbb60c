"""The splits of a run as they were drawn: `splits.csv`."""

from pathlib import Path

import numpy as np
import pandas as pd

from kerastl.data.table import Table
from kerastl.errors import RunError

FILE_NAME = "splits.csv"


def splits_frame(table: Table, parts: np.ndarray) -> pd.DataFrame:
    """Returns the frame that `splits.csv` holds: path, group where there is one, split."""
    columns: dict[str, object] = {"path": [str(path) for path in table.paths]}
    if table.groups is not None:
        columns["group"] = table.groups
    return pd.DataFrame({**columns, "split": parts})


def read_splits(run: Path, table: Table) -> np.ndarray:
    """Returns the split of each example of the run's own table, in the table's order.

    Raises:
        RunError: The table has changed since.
    """
    frame = pd.read_csv(run / FILE_NAME, dtype=str)
    if list(frame["path"]) != [str(path) for path in table.paths]:
        raise RunError(
            "The table has changed since the run was trained.",
            where=table.source,
            expected=f"the {len(frame)} rows of splits.csv in their order",
            received=f"{len(table)} rows",
            fix="Restore the table, or score it whole with --table.",
        )
    return frame["split"].to_numpy(dtype=object)
