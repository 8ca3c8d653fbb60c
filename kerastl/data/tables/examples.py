"""Examples: files, labels, groups and splits, from the table to the scores."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from kerastl.errors import TableError, counted
from kerastl.media.segments import Segments
from kerastl.notebook import listed

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Examples in the order of their table.

    Args:
        frame: The table as read, one row per example.
        paths: Absolute path of each example's file.
        tasks: Names of the columns of `labels`.
        labels: `(examples, tasks)` float32 for validation and scores: 1, 0 or NaN for unknown; an
            uncertain label is unknown.
        training_labels: The same for the loss: an uncertain label is what its policy makes of it,
            in [0, 1] or NaN.
        uncertain: `(examples, tasks)` bool: whether the cell is uncertain.
        groups: Group of each example as text, or None. A blank cell is a group of its own. If
            recordings are cut into examples and no column names groups, the recording.
        modality: Name of the media type.
        source: Name of the table or tables, for messages.
        segments: Part of its file that each example is, or None if each is a whole file.
        grouped_by_recording: Whether `groups` are the recordings.
        assigned: Split of each example, or None before `assign_splits`; read it as `splits`.
        invalid_cells: Row index and text of the cells of each task that no label policy knows.
            Empty unless the table comes from `read_table`.
    """

    frame: pd.DataFrame
    paths: tuple[Path, ...]
    tasks: tuple[str, ...]
    labels: np.ndarray
    training_labels: np.ndarray
    uncertain: np.ndarray
    groups: np.ndarray | None
    modality: str
    source: str
    segments: Segments | None = None
    grouped_by_recording: bool = False
    assigned: np.ndarray | None = None
    invalid_cells: Mapping[str, tuple[tuple[int, str], ...]]

    def __len__(self) -> int:
        return len(self.paths)

    def __repr__(self) -> str:
        rows = counted(len(self), "row")
        return f"<Examples of {self.source}: {rows}, tasks {listed(self.tasks)}>"

    @property
    def splits(self) -> np.ndarray:
        """`(examples,)`: `"train"`, `"validation"` or `"test"`."""
        if self.assigned is None:
            raise ValueError("The examples have no splits yet; call `assign_splits` first.")
        return self.assigned

    def rows(self, split: str) -> np.ndarray:
        """Returns the indices of the examples of a split."""
        return np.flatnonzero(self.splits == split)

    def with_splits(self, splits: np.ndarray) -> "Examples":
        """Returns the examples with the given split of each, `(examples,)`."""
        return replace(self, assigned=splits)

    def take(self, rows: np.ndarray) -> "Examples":
        """Returns the examples at these indices, in their order."""
        return replace(
            self,
            frame=self.frame.iloc[rows].reset_index(drop=True),
            paths=tuple(self.paths[row] for row in rows),
            labels=self.labels[rows],
            training_labels=self.training_labels[rows],
            uncertain=self.uncertain[rows],
            groups=None if self.groups is None else self.groups[rows],
            segments=None if self.segments is None else self.segments.take(rows),
            assigned=None if self.assigned is None else self.assigned[rows],
            invalid_cells={},
        )


def missing_files(examples: Examples) -> list[int]:
    """Returns the index of every example whose file does not exist."""
    # Path.is_file fails if a name is too long.
    present = [os.path.isfile(path) for path in examples.paths]  # noqa: PTH113
    return [index for index, is_present in enumerate(present) if not is_present]


def refuse_missing_files(examples: Examples) -> None:
    """Raises a `TableError` that names the first missing files."""
    missing = missing_files(examples)
    if not missing:
        return
    shown = "\n".join(f"row {index + 1}: {examples.paths[index]}" for index in missing[:3])
    more = f"\nand {len(missing) - 3} more" if len(missing) > 3 else ""
    raise TableError(
        f"{len(missing)} of {len(examples)} files of the table are missing.",
        where=examples.source,
        expected="files relative to the folder of the table, or for a DataFrame to the current one",
        received=shown + more,
        fix="Correct the paths or remove the rows; `kerastl data check` lists all of them.",
    )
