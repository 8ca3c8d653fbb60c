"""Tables of a comparison: the rows and splits that all variants share, written once.

Convention: splits are drawn once, with all tasks, before the variants are made; a variant changes
training rows only, never validation or test rows.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from kerastl.compare.study import SPLIT_COLUMN, UNCERTAIN, TrainingRows
from kerastl.config import Config
from kerastl.data.tables.examples import Examples
from kerastl.data.tables.stratification import stratify
from kerastl.errors import TableError
from kerastl.files import write_text


def split_frame(table: Examples, config: Config) -> pd.DataFrame:
    """Returns the table with absolute paths, plain cells and the split of each row.

    Cells are 1, 0, blank or `uncertain`, independent of the labels in the original table.
    """
    frame = table.frame.reset_index(drop=True).copy()
    frame[config.data.file_column] = [str(file) for file in table.files]
    for column, task in enumerate(table.tasks):
        cells = np.where(np.isnan(table.labels[:, column]), "", "0").astype(object)
        cells[table.labels[:, column] == 1] = "1"
        cells[table.uncertain[:, column]] = UNCERTAIN
        frame[task] = cells
    if config.data.group is not None and table.groups is not None:
        frame[config.data.group] = table.groups
    frame[SPLIT_COLUMN] = table.splits
    return frame


def change_training(
    frame: pd.DataFrame,
    table: Examples,
    training: TrainingRows,
    *,
    sizes: tuple[int, ...] = (),
    seed: int = 0,
) -> pd.DataFrame:
    """Returns the table of `split_frame` with the training rows of a variant.

    `sizes` are all numbers of examples of the study: a smaller draw is part of a larger one.
    """
    is_train = (frame[SPLIT_COLUMN] == "train").to_numpy()
    known = ~np.isnan(table.training_labels)
    changed, keep = frame, np.ones(len(frame), bool)
    if training.treatment == "blanks as no":
        changed = frame.copy()
        for task in table.tasks:
            blank = is_train & (frame[task] == "").to_numpy()
            changed.loc[blank, task] = "0"
    elif training.treatment == "drop rows":
        keep = ~is_train | known.all(axis=1)
    if training.examples is not None:
        rows = nested_rows(table, np.flatnonzero(is_train & known.any(axis=1)), sizes, seed)
        keep = ~is_train
        keep[rows[training.examples]] = True
    if not (keep & is_train).any():
        raise TableError(
            f"With '{training.treatment}' no training row is left.",
            where=table.source,
            expected="a training row in which every label is known",
            fix="Compare the other treatments: --axis 'unknown=masked,blanks as no'.",
        )
    return changed[keep]


def fresh_splits(table: Examples, num_splits: int, *, part: str, seed: int) -> list[np.ndarray]:
    """Returns the names of the splits of each row, once for each new split.

    Each has test rows of its own, in whole groups; together they are all rows that are not in a
    part, on which something was chosen. There are as many validation rows as before.
    """
    labels, groups = table.labels, table.groups
    rest = np.flatnonzero(table.splits != part)

    def parts(rows: np.ndarray, fractions: list[float]) -> np.ndarray:
        of_rows = None if groups is None else groups[rows]
        return stratify(labels[rows], of_rows, fractions=fractions, seed=seed)

    folds = parts(rest, [1 / num_splits] * num_splits)
    found = []
    for fold in range(num_splits):
        others = np.setdiff1d(np.arange(len(table)), rest[folds == fold])
        share = len(table.rows("validation")) / len(others)
        splits = np.full(len(table), "test", dtype=object)
        splits[others] = np.where(parts(others, [1 - share, share]) == 1, "validation", "train")
        found.append(splits)
    return found


def nested_rows(
    table: Examples, rows: np.ndarray, sizes: tuple[int, ...], seed: int
) -> dict[int, np.ndarray]:
    """Returns a stratified draw of each size from some rows, in whole groups.

    Each draw is part of the next larger one. Because groups are whole, a draw can have a few rows
    more or fewer than its size.
    """
    drawn: dict[int, np.ndarray] = {}
    pool = rows
    for size in sorted(sizes, reverse=True):
        if size < len(pool):
            share = size / len(pool)
            parts = stratify(
                np.where(table.labels[pool] >= 0, table.labels[pool], np.nan),
                None if table.groups is None else table.groups[pool],
                fractions=[share, 1 - share],
                seed=seed,
            )
            pool = pool[parts == 0]
        drawn[size] = pool
    return drawn


def write_table(path: Path, frame: pd.DataFrame) -> None:
    """Writes a table unless the file has the same content already."""
    text = frame.to_csv(index=False)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)
