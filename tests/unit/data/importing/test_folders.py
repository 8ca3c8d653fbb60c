"""Tables from a folder per class."""

import pandas as pd
import pytest

from kerastl.data.importing.folders import ASSUMED, table_from_folders
from kerastl.errors import TableError


def write(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def records(made):
    return made.frame.astype(object).where(made.frame.notna(), None).values.tolist()


def test_each_folder_becomes_a_column_of_yes_and_no(tmp_path):
    write(tmp_path / "animals", "Wild cat/b.jpg", "Wild cat/a.jpg", "dog/deep/er/c.PNG")
    made = table_from_folders(tmp_path / "animals", relative_to=tmp_path)
    assert list(made.frame.columns) == ["path", "wild_cat", "dog"]
    assert records(made) == [
        ["animals/Wild cat/a.jpg", 1, 0],
        ["animals/Wild cat/b.jpg", 1, 0],
        ["animals/dog/deep/er/c.PNG", 0, 1],
    ]
    assert made.tasks == ("wild_cat", "dog")
    assert made.notes == (ASSUMED,)


def test_paths_are_relative_to_where_the_table_will_lie(tmp_path):
    write(tmp_path / "animals", "cat/a.jpg")
    made = table_from_folders(tmp_path / "animals", relative_to=tmp_path / "tables" / "new")
    assert made.frame["path"].tolist() == ["../../animals/cat/a.jpg"]


def test_hidden_files_and_folders_and_other_files_are_left_out(tmp_path):
    write(
        tmp_path, "cat/a.jpg", "cat/.hidden.jpg", "cat/.cache/b.jpg", ".git/c.jpg", "cat/notes.txt"
    )
    write(tmp_path, "loose.jpg")
    made = table_from_folders(tmp_path, relative_to=tmp_path)
    assert records(made) == [["cat/a.jpg", 1]]
    assert made.notes == (
        "Left out: 1 file of no known format.",
        "Left out: 1 file outside of class folders.",
        ASSUMED,
    )


def test_outer_folders_named_as_splits_become_the_column_split(tmp_path):
    write(tmp_path, "train/cat/a.jpg", "val/cat/a.jpg", "dev/dog/b.jpg", "test/dog/c.jpg")
    made = table_from_folders(tmp_path, relative_to=tmp_path, same_file="name")
    assert sorted(records(made)) == [
        ["dev/dog/b.jpg", "validation", 0, 1],
        ["test/dog/c.jpg", "test", 0, 1],
        ["train/cat/a.jpg", "train", 1, 0],
        ["val/cat/a.jpg", "validation", 1, 0],
    ]


def test_a_class_called_train_is_a_class(tmp_path):
    write(tmp_path, "train/a.jpg", "test/b.jpg")
    made = table_from_folders(tmp_path, relative_to=tmp_path)
    assert made.tasks == ("test", "train")


def test_files_of_the_same_name_are_one_example_where_asked(tmp_path):
    write(tmp_path, "cat/x/1.jpg", "dog/x/1.jpg", "dog/1.jpg")
    apart = table_from_folders(tmp_path, relative_to=tmp_path)
    assert len(apart.frame) == 3
    merged = table_from_folders(tmp_path, relative_to=tmp_path, same_file="name")
    assert records(merged) == [["cat/x/1.jpg", 1, 1], ["dog/1.jpg", 0, 1]]
    assert merged.notes == ("Merged: 1 copy of files in further classes.", ASSUMED)


def test_files_of_the_same_bytes_are_one_example_where_asked(tmp_path):
    write(tmp_path, "cat/1.jpg", "dog/2.jpg")
    (tmp_path / "dog/3.jpg").write_bytes((tmp_path / "cat/1.jpg").read_bytes())
    merged = table_from_folders(tmp_path, relative_to=tmp_path, same_file="bytes")
    assert records(merged) == [["cat/1.jpg", 1, 1], ["dog/2.jpg", 0, 1]]


def test_an_empty_class_is_a_column_of_zeros_and_is_said(tmp_path):
    write(tmp_path, "cat/1.jpg")
    (tmp_path / "dog").mkdir()
    made = table_from_folders(tmp_path, relative_to=tmp_path)
    assert records(made) == [["cat/1.jpg", 1, 0]]
    assert made.notes == ("No file shows dog: these columns contain only 0.", ASSUMED)


def test_the_table_reads_back_as_it_was_made(tmp_path):
    write(tmp_path, "cat/1.jpg", "dog/2.wav")
    table_from_folders(tmp_path, relative_to=tmp_path).frame.to_csv(tmp_path / "t.csv", index=False)
    assert pd.read_csv(tmp_path / "t.csv").values.tolist() == [
        ["cat/1.jpg", 1, 0],
        ["dog/2.wav", 0, 1],
    ]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "contains no class folders"),
        (("cat/a.txt",), "contain no images or audio"),
        (("Cat/a.jpg", "cat /a.jpg"), "cannot become a column"),
        (("path/a.jpg",), "cannot become a column"),
        (("---/a.jpg",), "cannot become a column"),
    ],
)
def test_a_folder_that_makes_no_table_is_an_error(tmp_path, names, message):
    write(tmp_path, *names)
    with pytest.raises(TableError, match=message):
        table_from_folders(tmp_path, relative_to=tmp_path)


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(TableError, match="There is no folder 'animals'"):
        table_from_folders(tmp_path / "animals", relative_to=tmp_path)
