"""Recordings that are cut into examples: columns, groups, splits, duplicates and leaks."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from kerastl.config import ColumnSplit, DataConfig, FractionSplit
from kerastl.data.checking.check import check_table
from kerastl.data.tables import duplicates
from kerastl.data.tables.examples import Examples
from kerastl.data.tables.loading import load_table, read_table
from kerastl.data.tables.splits import assign_splits, leak_warning
from kerastl.errors import TableError
from kerastl.media.audio.kind import AUDIO
from kerastl.media.cuts import read_cuts


def table(folder: Path, frame: pd.DataFrame, **more) -> Examples:
    frame.to_csv(folder / "table.csv", index=False)
    config = DataConfig(table=folder / "table.csv", audio="path", tasks=("word",), **more)
    return load_table(config)


def cut(num_recordings: int, num_parts: int = 10) -> pd.DataFrame:
    """A table of recordings cut into seconds; the word is in every second one."""
    rows = [
        {
            "path": f"{number}.wav",
            "start_seconds": part,
            "end_seconds": part + 1,
            "word": part % 2,
            "split": "train" if part < 6 else "validation" if part < 8 else "test",
        }
        for number in range(num_recordings)
        for part in range(num_parts)
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(6):
        sound = np.random.default_rng(number).uniform(-0.1, 0.1, 80000)
        soundfile.write(tmp_path / f"{number}.wav", sound, 8000)
    return tmp_path


def test_segments_are_read_from_their_columns_and_blank_is_the_files_own() -> None:
    frame = pd.DataFrame({"start_seconds": ["", "0.5", "1"], "end_seconds": ["2", "", "1.25"]})
    cuts = read_cuts(frame, AUDIO, tasks=())
    assert cuts is not None
    assert cuts.bad_cells == ()
    assert [cuts.of(row) for row in range(3)] == [(None, 2.0), (0.5, None), (1.0, 1.25)]
    assert read_cuts(pd.DataFrame({"start_seconds": ["", " "]}), AUDIO, tasks=()) is None
    assert read_cuts(pd.DataFrame({"seconds": ["1"]}), AUDIO, tasks=()) is None


@pytest.mark.parametrize(
    ("start", "end"), [("-1", "2"), ("2", "2"), ("3", "2"), ("nan", "2"), ("", "inf"), ("x", "")]
)
def test_what_is_no_segment_is_refused_with_its_row(folder: Path, start: str, end: str) -> None:
    frame = cut(1, 2).astype(object)
    frame.loc[1, ["start_seconds", "end_seconds"]] = [start, end]
    if start == "nan":  # a blank in a CSV file
        frame.loc[1, "start_seconds"] = "not a number"
    with pytest.raises(TableError) as caught:
        table(folder, frame)
    assert "table.csv: row 2" in str(caught.value)


def test_the_parts_of_a_recording_fall_into_one_split(folder: Path) -> None:
    examples = table(folder, cut(6))
    examples = assign_splits(examples, FractionSplit(validation=0.2, test=0.2))
    parts = examples.splits
    assert examples.grouped_by_file
    for path in set(examples.files):
        assert len({parts[row] for row, other in enumerate(examples.files) if other == path}) == 1
    assert leak_warning(examples.files, examples.splits) is None


def test_too_few_recordings_to_keep_whole_are_divided_and_that_is_said(folder: Path) -> None:
    examples = table(folder, cut(2))
    examples = assign_splits(examples, FractionSplit(validation=0.2, test=0.2))
    assert set(examples.splits) == {"train", "validation", "test"}
    assert "2 files are in different splits" in (
        leak_warning(examples.files, examples.splits) or ""
    )


def test_a_column_may_divide_recordings_and_that_is_said(folder: Path) -> None:
    examples = table(folder, cut(6))
    examples = assign_splits(examples, ColumnSplit(column="split"))
    assert "6 files are in different splits" in (
        leak_warning(examples.files, examples.splits) or ""
    )


def test_a_group_of_the_config_comes_before_the_recording(folder: Path) -> None:
    frame = cut(6)
    frame["speaker"] = ["a" if part % 2 else "b" for part in range(len(frame))]
    examples = table(folder, frame, group="speaker")
    assert not examples.grouped_by_file
    assert set(examples.groups) == {"a", "b"}
    assert len(check_table(examples).divided_files) == 6


def test_parts_of_a_recording_are_no_duplicates_but_equal_parts_are(folder: Path) -> None:
    frame = cut(1, 4)
    frame.loc[3, ["start_seconds", "end_seconds"]] = [0, 1]
    examples = table(folder, frame)
    assert duplicates.equal_paths(examples.files, examples.cuts) == ((0, 3),)


def test_a_segment_that_two_tables_name_is_one_example(folder: Path) -> None:
    cut(2).to_csv(folder / "one.csv", index=False)
    other = cut(2).rename(columns={"word": "other"})
    other.iloc[5:].to_csv(folder / "two.csv", index=False)
    tables = (folder / "one.csv", folder / "two.csv")
    merged = load_table(DataConfig(table=tables, audio="path", tasks=("word", "other")))
    assert len(merged) == 20
    assert merged.cuts is not None
    assert merged.cuts.of(7) == (7.0, 8.0)
    assert np.isnan(merged.labels[:, 1]).sum() == 5


def test_beside_pictures_the_columns_mean_nothing(folder: Path) -> None:
    cut(2).to_csv(folder / "table.csv", index=False)
    config = DataConfig(table=folder / "table.csv", image="path", tasks=("word",))
    assert load_table(config).cuts is None


def test_tables_may_differ_in_how_they_state_regions(tmp_path: Path) -> None:
    columns = ["path", "x", "y", "width", "height", "word"]
    rows = {"one": ["a.png", 10, 10, 20, 20, 1], "two": ["b.png", 0.1, 0.1, 0.5, 0.5, 0]}
    for name, row in rows.items():
        pd.DataFrame([row], columns=columns).to_csv(tmp_path / f"{name}.csv", index=False)
    tables = tuple(tmp_path / f"{name}.csv" for name in rows)
    config = DataConfig(table=tables, image="path", tasks=("word",))
    examples = load_table(config)
    assert examples.cuts is not None
    assert [examples.cuts.of(row)[:2] for row in range(2)] == [(10.0, 10.0), (0.1, 0.1)]
    assert (
        check_table(read_table(DataConfig(table=tables, image="path", tasks=("word",)))).bad_cuts
        == ()
    )
