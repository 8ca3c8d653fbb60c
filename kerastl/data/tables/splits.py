"""Splits into train, validation and test that keep groups whole and work under gaps.

Convention: what is balanced are the known positives and the known negatives of every task; an
unknown label weighs nothing.
"""

import hashlib
from collections.abc import Sequence

import numpy as np

from kerastl.config import ColumnSplit, FractionSplit
from kerastl.data.tables.stratification import stratify
from kerastl.data.tables.table import Table
from kerastl.errors import SplitError, TableError, suggestion

PARTS = ("train", "validation", "test")
_SYNONYMS = {"training": "train", "val": "validation", "valid": "validation", "dev": "validation"}


def assign_splits(table: Table, split: FractionSplit | ColumnSplit) -> np.ndarray:
    """Returns `"train"`, `"validation"` or `"test"` for each example, shape `(examples,)`.

    Raises:
        SplitError: A column holds other values, or divides a group.
        TableError: The column isn't there.
    """
    if isinstance(split, ColumnSplit):
        parts = _from_column(table, split.column)
    elif split.method == "hash":
        parts = _by_hash(table, split)
    else:
        parts = _by_fractions(table, split)
    if not (parts == "train").any():
        raise SplitError(
            "No row is left for training.",
            where=table.source,
            expected="smaller fractions under data.split, or more rows",
            received=f"{len(table)} rows",
        )
    return parts


def assign_folds(
    labels: np.ndarray, groups: np.ndarray | None, *, num_folds: int, seed: int
) -> np.ndarray:
    """Returns the fold of each example, 0 to `num_folds` - 1, stratified with whole groups.

    Args:
        labels: `(examples, tasks)`, NaN where unknown.
        groups: Group of each example, or None.
        num_folds: Number of folds.
        seed: Seed of the order in which equals are dealt out.
    """
    return stratify(labels, groups, fractions=[1 / num_folds] * num_folds, seed=seed)


def split_gaps(table: Table, parts: np.ndarray) -> list[str]:
    """Returns one sentence for each task that lacks known positives or negatives in some part."""
    used = [part for part in PARTS if (parts == part).any()]
    sentences = []
    for column, task in enumerate(table.tasks):
        for value, kind in ((1.0, "positives"), (0.0, "negatives")):
            counts = [int(((table.labels[:, column] == value) & (parts == p)).sum()) for p in used]
            if min(counts) == 0:
                listed = ", ".join(f"{p} {c}" for p, c in zip(used, counts, strict=True))
                sentences.append(f"{task}: known {kind} are not in every part ({listed})")
    return sentences


def _by_fractions(table: Table, split: FractionSplit) -> np.ndarray:
    fractions = [1 - split.validation - split.test, split.validation, split.test]
    labels = table.labels if split.method == "stratified" else table.labels[:, :0]
    indices = stratify(labels, table.groups, fractions=fractions, seed=split.seed)
    return np.array(PARTS, dtype=object)[indices]


def _by_hash(table: Table, split: FractionSplit) -> np.ndarray:
    keys = table.groups if table.groups is not None else [path.name for path in table.paths]
    positions = np.array([_position(f"{split.seed}:{key}") for key in keys])
    bounds = np.cumsum([1 - split.validation - split.test, split.validation])
    return np.array(PARTS, dtype=object)[np.searchsorted(bounds, positions, side="right")]


def _position(key: str) -> float:
    """Returns a number in [0, 1) that depends on nothing but the key."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64


def _from_column(table: Table, column: str) -> np.ndarray:
    if column not in table.frame.columns:
        columns = [str(name) for name in table.frame.columns]
        raise TableError(
            f"The table lacks the column '{column}' that data.split names.",
            where=table.source,
            expected="a column with train, validation or test",
            fix=suggestion(column, columns),
        )
    cells = [str(cell).strip().lower() for cell in table.frame[column]]
    parts = np.array([_SYNONYMS.get(cell, cell) for cell in cells], dtype=object)
    _refuse_unknown_parts(table, column, parts)
    _refuse_divided_groups(table, parts)
    return parts


def _refuse_unknown_parts(table: Table, column: str, parts: np.ndarray) -> None:
    wrong = [row for row, part in enumerate(parts) if part not in PARTS]
    if wrong:
        raise SplitError(
            f"{len(wrong)} cells of the column '{column}' name no split.",
            where=f"{table.source}: first in row {wrong[0] + 1}",
            expected="train, validation or test",
            received=f"'{parts[wrong[0]]}'",
            fix=suggestion(str(parts[wrong[0]]), PARTS),
        )


def _refuse_divided_groups(table: Table, parts: np.ndarray) -> None:
    """Refuses what the config's group forbids; divided recordings are left to `leak_warning`."""
    if table.groups is None or table.grouped_by_recording:
        return
    divided = divided_groups(table.groups, parts)
    if divided:
        raise SplitError(
            f"{len(divided)} groups fall into different splits.",
            where=table.source,
            expected="all rows of a group in one split",
            received=", ".join(f"'{group}'" for group in divided[:3]),
            fix="Use data.split: {validation: 0.15, test: 0.15}, which keeps groups whole, or "
            "remove data.group.",
        )


def divided_groups(groups: Sequence[str] | np.ndarray, parts: np.ndarray) -> list[str]:
    """Returns the groups whose rows lie in more than one part, sorted."""
    seen: dict[str, set[str]] = {}
    for group, part in zip(groups, parts, strict=True):
        seen.setdefault(str(group), set()).add(str(part))
    return sorted(group for group, found in seen.items() if len(found) > 1)
