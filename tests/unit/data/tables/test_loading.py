"""The table of examples."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kerastl.config import DataConfig
from kerastl.data.tables.examples import refuse_missing_files
from kerastl.data.tables.loading import load_frame, load_table
from kerastl.data.tables.splits import assign_splits
from kerastl.errors import KerastlError, LabelError, TableError
from kerastl_runtime.media_file import LocalFile


def write(folder: Path, name: str = "t.csv", **columns: list[object]) -> Path:
    path = folder / name
    frame = pd.DataFrame(columns)
    frame.to_parquet(path) if name.endswith("parquet") else frame.to_csv(path, index=False)
    return path


def data(*tables: Path, tasks: tuple[str, ...] = ("car", "bus"), **more: object) -> DataConfig:
    table = tables[0] if len(tables) == 1 else tables
    return DataConfig(table=table, image="path", tasks=tasks, **more)


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_csv_and_parquet_give_the_same_labels(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, name, path=["a.png", "b.png"], car=[1.0, None], bus=[None, 0.0])
    table = load_table(data(path))
    np.testing.assert_array_equal(table.labels, [[1, np.nan], [np.nan, 0]])


FRAMES = {
    "numbers": {},
    "text": {"car": ["1", "0", "", "1"], "bus": ["0", "", "1", "nan"]},
    "nullable": {"car": pd.array([1, 0, None, 1], "Int64")},
    "booleans": {"car": pd.Series([True, False, None, True], dtype="boolean")},
    "categories": {"g": pd.Categorical(["p1", "p1", "p2", None])},
    "paths": {"path": [Path("a.png"), Path("b.png"), Path("c.png"), Path("d.png")]},
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_gives_the_same_examples_as_its_csv(name, tmp_path: Path, monkeypatch) -> None:
    columns = {
        "path": ["a.png", "b.png", "c.png", "d.png"],
        "car": [1, 0, np.nan, 1],
        "bus": [0, None, 1, None],
        "g": ["p1", "p1", "p2", None],
        "part": ["train", "train", "test", "val"],
    }
    frame = pd.DataFrame({**columns, **FRAMES[name]}, index=[7, 7, 3, 0])
    frame.to_csv(tmp_path / "t.csv", index=False)
    settings = {"group": "g", "split": {"column": "part"}}
    monkeypatch.chdir(tmp_path)
    read, given = (
        assign_splits(examples, config.split)
        for config in [data(tmp_path / "t.csv", **settings)]
        for examples in (load_table(config), load_frame(frame, config))
    )
    np.testing.assert_array_equal(given.labels, read.labels)
    assert given.files == read.files
    assert (list(given.groups), list(given.splits)) == (list(read.groups), list(read.splits))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"path": ["a.png"]}, "The table lacks the columns 'car', 'bus'"),
        ({"path": [None], "car": [1], "bus": [0]}, "1 row names no file"),
        ({"path": ["a.png"], "car": [2], "bus": [0]}, "'2' in row 1"),
        ({"path": [], "car": [], "bus": []}, "The table 'DataFrame' has no rows"),
    ],
)
def test_a_bad_frame_is_refused_as_a_file_is(columns, message, tmp_path: Path) -> None:
    with pytest.raises(KerastlError, match=message):
        load_frame(pd.DataFrame(columns), data(tmp_path / "t.csv"))


def test_files_are_relative_to_the_folder_of_their_table(tmp_path: Path) -> None:
    path = write(tmp_path, path=["sub/a.png"], car=[1], bus=[0])
    assert load_table(data(path)).files == (LocalFile(tmp_path / "sub/a.png"),)


def test_a_task_absent_from_one_of_several_tables_is_unknown_there(tmp_path: Path) -> None:
    one = write(tmp_path, "one.csv", path=["a.png"], car=[1])
    two = write(tmp_path, "two.csv", path=["b.png"], bus=[0])
    np.testing.assert_array_equal(load_table(data(one, two)).labels, [[1, np.nan], [np.nan, 0]])


def test_a_blank_group_is_a_group_of_its_own(tmp_path: Path) -> None:
    path = write(tmp_path, path=["a", "b", "c"], car=[1, 0, 1], bus=[1, 1, 0], g=["x", "", ""])
    groups = load_table(data(path, group="g")).groups
    assert groups is not None
    assert len(set(groups)) == 3


def test_a_missing_column_is_named_with_the_nearest_one(tmp_path: Path) -> None:
    path = write(tmp_path, path=["a"], cars=[1], bus=[0])
    with pytest.raises(TableError, match="Did you mean 'cars'"):
        load_table(data(path))


def test_a_missing_table_is_an_error_that_names_a_near_one(tmp_path: Path) -> None:
    write(tmp_path, "driving.csv", path=["a"], car=[1], bus=[0])
    with pytest.raises(TableError, match=r"Did you mean 'driving\.csv'"):
        load_table(data(tmp_path / "drivin.csv"))


def test_an_empty_table_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="no rows"):
        load_table(data(write(tmp_path, path=[], car=[], bus=[])))


def test_a_row_without_a_file_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, path=["a.png", ""], car=[1, 0], bus=[1, 0])
    with pytest.raises(TableError, match="first in row 2"):
        load_table(data(path))


def test_a_cell_that_is_no_label_is_refused_before_training(tmp_path: Path) -> None:
    path = write(tmp_path, path=["a", "b"], car=["1", "7"], bus=["1", "0"])
    with pytest.raises(LabelError, match="'7' in row 2"):
        load_table(data(path))


def test_missing_files_are_found_and_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    table = load_table(data(write(tmp_path, path=["a.png", "b.png"], car=[1, 0], bus=[1, 0])))
    with pytest.raises(TableError, match="1 of 2 files"):
        refuse_missing_files(table)
