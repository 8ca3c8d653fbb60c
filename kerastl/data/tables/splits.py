"""Splits into train, validation and test that keep groups whole, and checks of them.

Convention: splits are balanced by the known positives and the known negatives of every task;
unknown labels do not count.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kerastl.config import ColumnSplit, FractionSplit
from kerastl.data.tables.duplicates import Rows, equal_files, equal_paths
from kerastl.data.tables.examples import PARTS, Examples
from kerastl.data.tables.stratification import stratify
from kerastl.errors import SplitError, TableError, counted, suggestion
from kerastl_runtime.media_file import MediaFile

_SYNONYMS = {"training": "train", "val": "validation", "valid": "validation", "dev": "validation"}
_SHOWN = 3


def assign_splits(examples: Examples, split: FractionSplit | ColumnSplit) -> Examples:
    """Returns the examples with the split of each: `"train"`, `"validation"` or `"test"`."""
    if isinstance(split, ColumnSplit):
        parts = _from_column(examples, split.column)
    else:
        parts = (_by_hash if split.method == "hash" else _by_fractions)(examples, split)
    if not (parts == "train").any():
        raise SplitError(
            "No row is left for training.",
            where=examples.source,
            expected="smaller fractions under data.split, or more rows",
            received=counted(len(examples), "row"),
        )
    return replace(examples, assigned=parts)


def assign_folds(
    labels: np.ndarray, groups: np.ndarray | None, *, num_folds: int, seed: int
) -> np.ndarray:
    """Returns the fold of each example, 0 to `num_folds` - 1, as `stratify` assigns parts."""
    return stratify(labels, groups, fractions=[1 / num_folds] * num_folds, seed=seed)


def split_warnings(examples: Examples) -> list[str]:
    """Returns a sentence for each reason to doubt scores on these splits."""
    return [*split_gaps(examples), *filter(None, [leak_warning(examples.files, examples.splits)])]


def split_gaps(examples: Examples) -> list[str]:
    """Returns a sentence for each task that lacks known positives or negatives in a split."""
    used = {part: examples.rows(part) for part in PARTS if len(examples.rows(part))}
    sentences = []
    for column, task in enumerate(examples.tasks):
        labels = examples.labels[:, column]
        for value, kind in ((1.0, "positives"), (0.0, "negatives")):
            counts = {part: int((labels[rows] == value).sum()) for part, rows in used.items()}
            if min(counts.values()) == 0:
                listed = ", ".join(f"{part} {count}" for part, count in counts.items())
                sentences.append(f"{task}: known {kind} are not in every split ({listed})")
    return sentences


def leaks(files: Sequence[MediaFile], splits: np.ndarray) -> tuple[Rows, ...]:
    """Returns groups of two or more rows with the same bytes in different splits.

    All parts of a file are the same file. Only files of equal size are read, and none is
    downloaded.
    """
    equals = (*equal_paths(files), *equal_files(files, _digests(files)))
    return tuple(rows for rows in equals if len(set(splits[list(rows)])) > 1)


def leak_warning(files: Sequence[MediaFile], splits: np.ndarray) -> str | None:
    """Returns a sentence that names the first leaks, or None."""
    found = leaks(files, splits)
    if not found:
        return None

    def shown(rows: Rows) -> str:
        first = rows[0]
        other = next(row for row in rows if splits[row] != splits[first])
        names = [f"{files[row].name} in {splits[row]}" for row in (first, other)]
        return " and ".join(names)

    listed = "; ".join(shown(rows) for rows in found[:_SHOWN])
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    verb = "is" if len(found) == 1 else "are"
    return (
        f"{counted(len(found), 'file')} {verb} in different splits, byte for byte, so scores are "
        f"too optimistic: {listed}{more}. Give equal files the same value in a column and name it "
        "under data.group."
    )


def _by_fractions(examples: Examples, split: FractionSplit) -> np.ndarray:
    fractions = [1 - split.validation - split.test, split.validation, split.test]
    labels = examples.labels if split.method == "stratified" else examples.labels[:, :0]
    indices = stratify(labels, examples.groups, fractions=fractions, seed=split.seed)
    return np.array(PARTS, dtype=object)[indices]


def _by_hash(examples: Examples, split: FractionSplit) -> np.ndarray:
    names = [file.name for file in examples.files]
    keys = names if examples.groups is None else examples.groups
    digests = [hashlib.sha256(f"{split.seed}:{key}".encode()).digest() for key in keys]
    positions = np.array([int.from_bytes(digest[:8], "big") / 2**64 for digest in digests])
    bounds = np.cumsum([1 - split.validation - split.test, split.validation])
    return np.array(PARTS, dtype=object)[np.searchsorted(bounds, positions, side="right")]


def _from_column(examples: Examples, column: str) -> np.ndarray:
    if column not in examples.frame.columns:
        columns = [str(name) for name in examples.frame.columns]
        raise TableError(
            f"The table lacks the column '{column}' that data.split names.",
            where=examples.source,
            expected="a column with train, validation or test",
            fix=suggestion(column, columns),
        )
    cells = [str(cell).strip().lower() for cell in examples.frame[column]]
    parts = np.array([_SYNONYMS.get(cell, cell) for cell in cells], dtype=object)
    _refuse_unknown_parts(examples, column, parts)
    _refuse_divided_groups(examples, parts)
    return parts


def _refuse_unknown_parts(examples: Examples, column: str, parts: np.ndarray) -> None:
    wrong = [row for row, part in enumerate(parts) if part not in PARTS]
    if wrong:
        raise SplitError(
            f"{counted(len(wrong), 'cell')} of the column '{column}' "
            f"{'does' if len(wrong) == 1 else 'do'} not name a split.",
            where=f"{examples.source}: first in row {wrong[0] + 1}",
            expected="train, validation or test",
            received=f"'{parts[wrong[0]]}'",
            fix=suggestion(str(parts[wrong[0]]), PARTS),
        )


def _refuse_divided_groups(examples: Examples, parts: np.ndarray) -> None:
    """Refuses divided groups of the config's column; `leak_warning` reports divided recordings."""
    if examples.groups is None or examples.grouped_by_file:
        return
    divided = divided_groups(examples.groups, parts)
    if divided:
        raise SplitError(
            f"{counted(len(divided), 'group')} {'has' if len(divided) == 1 else 'have'} rows in "
            "different splits.",
            where=examples.source,
            expected="all rows of a group in one split",
            received=", ".join(f"'{group}'" for group in divided[:3]),
            fix="Use data.split: {validation: 0.15, test: 0.15}, which keeps groups whole, or "
            "remove data.group.",
        )


def divided_groups(groups: Sequence[str] | np.ndarray, parts: np.ndarray) -> list[str]:
    """Returns the groups with rows in more than one split, sorted."""
    pairs = {(str(group), str(part)) for group, part in zip(groups, parts, strict=True)}
    num_parts = Counter(group for group, _ in pairs)
    return sorted(group for group, count in num_parts.items() if count > 1)


def _digests(files: Sequence[MediaFile]) -> list[str | None]:
    """Returns the SHA-256 of each file that has the size of another one."""
    sizes = {file: size for file in files if (size := file.local_size()) is not None}
    num_files = Counter(sizes.values())
    digests = {file: file.sha256().hex() for file in sizes if num_files[sizes[file]] > 1}
    return [digests.get(file) for file in files]
