"""Several tables as one training set."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kerastl.config import ColumnSplit, DataConfig, LabelPolicy
from kerastl.data.tables.examples import Examples
from kerastl.data.tables.loading import load_table, read_table
from kerastl.data.tables.splits import assign_splits
from kerastl.errors import LabelError, TableError

NAN = np.nan


def write(table: Path, /, **columns: list[object]) -> Path:
    table.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_csv(table, index=False)
    return table


def load(*tables: Path, tasks: tuple[str, ...] = ("car", "bus"), **more: object) -> Examples:
    return load_table(DataConfig(table=tables, image="path", tasks=tasks, **more))


def test_a_file_of_two_tables_is_one_example_with_the_labels_of_both(tmp_path: Path) -> None:
    one = write(tmp_path / "one.csv", path=["a.png", "b.png"], car=[1, ""])
    two = write(tmp_path / "two.csv", path=["b.png", "c.png"], car=[0, 1], bus=[1, 0])
    table = load(one, two)
    assert [path.name for path in table.files] == ["a.png", "b.png", "c.png"]
    np.testing.assert_array_equal(table.labels, [[1, NAN], [0, 1], [1, 0]])
    np.testing.assert_array_equal(table.training_labels, table.labels)
    assert len(table.frame) == len(table) == 3


def test_files_are_the_same_however_their_folder_is_written(tmp_path: Path) -> None:
    one = write(tmp_path / "a" / "labels.csv", path=["../images/x.png"], car=[1])
    two = write(tmp_path / "b" / "labels.csv", path=["../images/x.png"], bus=[0])
    np.testing.assert_array_equal(load(one, two).labels, [[1, 0]])


def test_files_of_the_same_name_in_other_folders_are_different_examples(tmp_path: Path) -> None:
    one = write(tmp_path / "a" / "labels.csv", path=["x.png"], car=[1])
    two = write(tmp_path / "b" / "labels.csv", path=["x.png"], car=[0], bus=[0])
    np.testing.assert_array_equal(load(one, two).labels, [[1, NAN], [0, 0]])


def test_rows_of_one_table_stay_apart_where_no_other_table_names_their_file(
    tmp_path: Path,
) -> None:
    one = write(tmp_path / "one.csv", path=["a.png", "a.png"], car=[1, 1])
    two = write(tmp_path / "two.csv", path=["b.png"], bus=[0])
    assert len(load(one, two)) == 3


def test_a_label_that_is_known_somewhere_outweighs_uncertain_elsewhere(tmp_path: Path) -> None:
    policy = {"car": LabelPolicy(uncertain=("-1",), when_uncertain="positive")}
    one = write(tmp_path / "one.csv", path=["a.png", "b.png"], car=[-1, -1])
    two = write(tmp_path / "two.csv", path=["a.png", "b.png"], car=[0, ""])
    table = load(one, two, tasks=("car",), labels=policy)
    np.testing.assert_array_equal(table.labels, [[0], [NAN]])
    np.testing.assert_array_equal(table.training_labels, [[0], [1]])
    np.testing.assert_array_equal(table.uncertain, [[False], [True]])


def test_a_contradiction_names_task_file_tables_and_rows(tmp_path: Path) -> None:
    one = write(tmp_path / "one.csv", path=["a.png", "b.png"], car=[1, 1])
    two = write(tmp_path / "two.csv", path=["c.png", "b.png"], car=[1, 0], bus=[1, 1])
    with pytest.raises(LabelError, match="contradict each other in 1 label") as raised:
        load(one, two)
    assert raised.value.problems == (
        "car of b.png: yes in row 2 of one.csv, no in row 2 of two.csv",
    )


def test_the_group_of_one_table_holds_for_a_blank_in_the_other(tmp_path: Path) -> None:
    one = write(tmp_path / "one.csv", path=["a.png", "b.png"], car=[1, 0], g=["", "x"])
    two = write(tmp_path / "two.csv", path=["a.png"], bus=[1], g=["x"])
    groups = load(one, two, group="g").groups
    assert groups is not None
    assert list(groups) == ["x", "x"]


def test_blank_groups_of_several_tables_are_groups_of_their_own(tmp_path: Path) -> None:
    one = write(tmp_path / "one.csv", path=["a.png", "b.png"], car=[1, 0], g=["", ""])
    two = write(tmp_path / "two.csv", path=["a.png", "c.png"], bus=[1, 0], g=["", ""])
    groups = load(one, two, group="g").groups
    assert groups is not None
    assert len(set(groups)) == 3


def test_a_file_in_two_groups_is_refused(tmp_path: Path) -> None:
    one = write(tmp_path / "one.csv", path=["a.png"], car=[1], g=["x"])
    two = write(tmp_path / "two.csv", path=["a.png"], bus=[1], g=["y"])
    with pytest.raises(TableError, match="disagree about the column 'g' of 1 file") as raised:
        load(one, two, group="g")
    assert raised.value.problems == ("a.png: 'x' in row 1 of one.csv, 'y' in row 1 of two.csv",)


def test_a_file_in_two_splits_is_refused(tmp_path: Path) -> None:
    one = write(tmp_path / "one.csv", path=["a.png"], car=[1], part=["train"])
    two = write(tmp_path / "two.csv", path=["a.png"], bus=[1], part=["test"])
    with pytest.raises(TableError, match="disagree about the column 'part'"):
        load(one, two, split=ColumnSplit(column="part"))


def test_the_split_column_survives_merging(tmp_path: Path) -> None:
    one = write(tmp_path / "one.csv", path=["a.png", "b.png"], car=[1, 1], part=["train", "test"])
    two = write(tmp_path / "two.csv", path=["b.png", "c.png"], bus=[1, 1], part=["test", "train"])
    split = ColumnSplit(column="part")
    assert list(assign_splits(load(one, two, split=split), split).splits) == [
        "train",
        "test",
        "train",
    ]


def test_a_task_that_no_table_has_is_named_with_the_nearest_column(tmp_path: Path) -> None:
    one = write(tmp_path / "one.csv", path=["a.png"], car=[1])
    two = write(tmp_path / "two.csv", path=["b.png"], buss=[1])
    with pytest.raises(TableError, match="Did you mean 'buss'"):
        load(one, two)


def test_a_cell_that_is_no_label_is_named_by_its_own_table_and_row(tmp_path: Path) -> None:
    one = write(tmp_path / "one.csv", path=["a.png", "c.png"], car=[1, 1])
    two = write(tmp_path / "two.csv", path=["b.png"], bus=["7"])
    with pytest.raises(LabelError, match="'7' in row 1") as raised:
        load(one, two)
    assert raised.value.parts["where"] == "two.csv: column bus"


def test_checking_leaves_contradicting_rows_as_they_are(tmp_path: Path) -> None:
    one = write(tmp_path / "one.csv", path=["a.png"], car=[1])
    two = write(tmp_path / "two.csv", path=["a.png"], car=[0], bus=[1])
    data = DataConfig(table=(one, two), image="path", tasks=("car", "bus"))
    assert len(read_table(data)) == 2


def test_thousands_of_shared_files_are_merged_in_no_time(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(10_000)]
    one = write(tmp_path / "one.csv", path=names, car=[1] * len(names))
    two = write(tmp_path / "two.csv", path=names[::-1], bus=[0] * len(names))
    assert len(load(one, two)) == len(names)
