"""Splits: disjoint, complete, groups intact, the same seed the same split."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerastl.config import ColumnSplit, DataConfig, FractionSplit
from kerastl.data.tables.examples import Examples
from kerastl.data.tables.loading import build_examples
from kerastl.data.tables.splits import assign_folds, assign_splits, divided_groups, split_gaps
from kerastl.data.tables.stratification import stratify
from kerastl.errors import SplitError, TableError
from kerastl_runtime.media_file import LocalFile


def make_table(labels: np.ndarray, groups: np.ndarray | None = None, **more: object) -> Examples:
    tasks = tuple(f"t{i}" for i in range(labels.shape[1]))
    frame = pd.DataFrame(labels, columns=list(tasks)).assign(
        path=[f"{i}.png" for i in range(len(labels))], **more
    )
    if groups is not None:
        frame["g"] = groups
    data = DataConfig(
        table=Path("t.csv"), image="path", tasks=tasks, group=None if groups is None else "g"
    )
    return build_examples(frame, [LocalFile(p) for p in frame["path"]], data, source="t.csv")


def random_labels(num_rows: int, num_tasks: int, unknown: float, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    labels = (random.random((num_rows, num_tasks)) < 0.4).astype(float)
    labels[random.random(labels.shape) < unknown] = np.nan
    return labels


@settings(derandomize=True, max_examples=40, deadline=None)
@given(
    num_rows=st.integers(10, 120),
    num_tasks=st.integers(1, 5),
    unknown=st.floats(0, 0.9),
    group_size=st.integers(1, 6),
    seed=st.integers(0, 99),
    method=st.sampled_from(["stratified", "random", "hash"]),
)
def test_every_row_falls_into_one_part_and_no_group_is_divided(
    num_rows: int, num_tasks: int, unknown: float, group_size: int, seed: int, method: str
) -> None:
    groups = np.array([f"g{i // group_size}" for i in range(num_rows)])
    table = make_table(random_labels(num_rows, num_tasks, unknown, seed), groups)
    split = FractionSplit(validation=0.2, test=0.2, method=method, seed=seed)
    try:
        parts = assign_splits(table, split).splits
    except SplitError:
        assert method == "hash" or num_rows / group_size < 3
        return
    assert set(parts) <= {"train", "validation", "test"}
    assert divided_groups(groups, parts) == []
    np.testing.assert_array_equal(parts, assign_splits(table, split).splits)


@settings(derandomize=True, max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), unknown=st.floats(0, 0.8), grouped=st.booleans())
def test_every_part_gets_positives_and_negatives_of_every_task_that_has_enough(
    seed: int, unknown: float, grouped: bool
) -> None:
    labels = random_labels(120, 4, unknown, seed)
    groups = np.array([f"g{i // 2}" for i in range(120)]) if grouped else None
    table = make_table(labels, groups)
    parts = assign_splits(table, FractionSplit(seed=seed)).splits
    units = np.arange(120) // 2 if grouped else np.arange(120)
    for column in range(4):
        for value in (0, 1):
            holders = len(set(units[labels[:, column] == value]))
            if holders >= 6:
                for part in ("train", "validation", "test"):
                    assert (labels[parts == part, column] == value).any()


def test_a_rare_label_reaches_every_part() -> None:
    labels = np.zeros((100, 2))
    labels[:3, 0] = 1
    labels[50:, 1] = 1
    parts = assign_splits(make_table(labels), FractionSplit()).splits
    assert sorted(parts[:3]) == ["test", "train", "validation"]


def test_a_task_that_cannot_be_in_every_part_is_named_with_its_counts() -> None:
    labels = np.zeros((50, 2))
    labels[0, 0] = 1
    labels[25:, 1] = 1
    table = make_table(labels)
    gaps = split_gaps(assign_splits(table, FractionSplit()))
    assert len(gaps) == 1
    assert gaps[0].startswith("t0: known positives are not in every split (train")


def test_proportions_are_near_the_wanted_ones() -> None:
    labels = random_labels(2000, 5, 0.5, 1)
    parts = assign_splits(make_table(labels), FractionSplit(validation=0.15, test=0.15)).splits
    for part, share in (("train", 0.7), ("validation", 0.15), ("test", 0.15)):
        assert abs((parts == part).mean() - share) < 0.02
        for column in range(5):
            positives = (labels[:, column] == 1).sum()
            assert abs((labels[parts == part, column] == 1).sum() / positives - share) < 0.02


def test_a_hashed_split_keeps_old_rows_where_they_were_when_rows_are_added() -> None:
    labels = random_labels(300, 2, 0.3, 2)
    split = FractionSplit(method="hash")
    before = assign_splits(make_table(labels[:200]), split).splits
    after = assign_splits(make_table(labels), split).splits
    np.testing.assert_array_equal(before, after[:200])


def test_a_column_gives_the_split() -> None:
    table = make_table(np.ones((3, 1)), part=["train", "VAL", "test"])
    splits = assign_splits(table, ColumnSplit(column="part")).splits
    assert list(splits) == ["train", "validation", "test"]


def test_a_column_that_divides_a_group_is_refused() -> None:
    table = make_table(np.ones((2, 1)), np.array(["a", "a"]), part=["train", "test"])
    with pytest.raises(SplitError, match="1 group has rows in different splits"):
        assign_splits(table, ColumnSplit(column="part"))


def test_a_cell_that_names_no_split_is_refused_with_its_row() -> None:
    table = make_table(np.ones((2, 1)), part=["train", "tets"])
    with pytest.raises(SplitError, match="first in row 2"):
        assign_splits(table, ColumnSplit(column="part"))


def test_a_missing_split_column_is_refused() -> None:
    with pytest.raises(TableError, match="lacks the column 'part'"):
        assign_splits(make_table(np.ones((2, 1))), ColumnSplit(column="part"))


def test_folds_are_disjoint_keep_groups_and_hold_every_label() -> None:
    labels = random_labels(200, 3, 0.4, 3)
    groups = np.array([f"g{i // 4}" for i in range(200)])
    folds = assign_folds(labels, groups, num_folds=5, seed=0)
    assert set(folds) == set(range(5))
    assert divided_groups(groups, folds) == []
    for fold in range(5):
        assert np.nanmin(labels[folds == fold], axis=0).max() == 0
        assert np.nanmax(labels[folds == fold], axis=0).min() == 1


def test_a_hundred_thousand_rows_are_dealt_out_in_seconds() -> None:
    labels = random_labels(100_000, 10, 0.5, 4)
    parts = stratify(labels, None, fractions=[0.7, 0.15, 0.15], seed=0)
    assert abs((parts == 0).mean() - 0.7) < 0.01
