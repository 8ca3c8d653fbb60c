"""Examples: files, labels, groups and splits, from the table to the scores."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from kerastl.errors import TableError, counted
from kerastl.media.cuts import Cuts
from kerastl.notebook import listed
from kerastl_runtime.file_errors import not_opened
from kerastl_runtime.media_file import MediaFile, ask_each

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Examples in the order of their table; arrays of labels are `(examples, tasks)`."""

    frame: pd.DataFrame  # as read, one row per example
    files: tuple[MediaFile, ...]  # with absolute paths
    tasks: tuple[str, ...]
    labels: np.ndarray  # float32 for validation and scores: 1, 0, NaN for unknown and uncertain
    training_labels: np.ndarray  # for the loss: uncertain ones by their policy, in [0, 1] or NaN
    uncertain: np.ndarray  # bool
    # Group of each example as text; a blank cell is a group of its own. If files are cut into
    # examples and no column names groups, the file.
    groups: np.ndarray | None
    modality: str
    source: str  # name of the table or tables, for messages
    # Weight with which unknown labels of a task count as "no" in training, if it is above 0.
    unknown_weight: Mapping[str, float] = field(default_factory=dict)
    cuts: Cuts | None = None  # None if each example is a whole file
    grouped_by_file: bool = False
    assigned: np.ndarray | None = None  # None before `assign_splits`; read it as `splits`
    # Row index and text of the cells of each task that no label policy knows, if the table comes
    # from `read_table`.
    invalid_cells: Mapping[str, tuple[tuple[int, str], ...]]

    def __len__(self) -> int:
        return len(self.files)

    def __repr__(self) -> str:
        rows = counted(len(self), "row")
        return f"<Examples of {self.source}: {rows}, tasks {listed(self.tasks)}>"

    @property
    def splits(self) -> np.ndarray:
        """`(examples,)`: `"train"`, `"validation"` or `"test"`."""
        if self.assigned is None:
            raise ValueError("The examples have no splits yet; call `assign_splits` first.")
        return self.assigned

    def rows(self, *splits: str) -> np.ndarray:
        """Returns the indices of the examples of one or more splits."""
        return np.flatnonzero(np.isin(self.splits, splits))

    def num_known(self) -> dict[str, int]:
        """Returns the number of labels of each task that are known for training."""
        known = ~np.isnan(self.training_labels[self.rows("train")])
        return dict(zip(self.tasks, known.sum(axis=0).tolist(), strict=True))

    def with_splits(self, splits: np.ndarray) -> "Examples":
        """Returns the examples with the given split of each, `(examples,)`."""
        return replace(self, assigned=splits)

    def take(self, rows: np.ndarray) -> "Examples":
        """Returns the examples at these indices, in their order."""
        return replace(
            self,
            frame=self.frame.iloc[rows].reset_index(drop=True),
            files=tuple(self.files[row] for row in rows),
            labels=self.labels[rows],
            training_labels=self.training_labels[rows],
            uncertain=self.uncertain[rows],
            groups=None if self.groups is None else self.groups[rows],
            cuts=None if self.cuts is None else self.cuts.take(rows),
            assigned=None if self.assigned is None else self.assigned[rows],
            invalid_cells={},
        )


def refuse_missing_files(examples: Examples) -> None:
    """Raises a `TableError` that names the first missing files."""
    present = ask_each(examples.files, _exists)
    missing = [index for index, is_present in enumerate(present) if not is_present]
    if not missing:
        return
    shown = "\n".join(f"row {index + 1}: {examples.files[index]}" for index in missing[:3])
    more = f"\nand {len(missing) - 3} more" if len(missing) > 3 else ""
    raise TableError(
        f"{len(missing)} of {len(examples)} files of the table are missing.",
        where=examples.source,
        expected="files relative to the folder of the table, or for a DataFrame to the current one",
        received=shown + more,
        fix="Correct the paths or remove the rows; `kerastl data check` lists all of them.",
    )


def _exists(file: MediaFile) -> bool:
    try:
        return file.exists()
    except OSError as error:
        raise not_opened("file", file, error) from None
