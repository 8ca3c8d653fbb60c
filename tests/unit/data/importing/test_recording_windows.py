"""Windows of recordings as training examples."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from kerastl.data.importing.recording_windows import ASSUMED, table_from_recordings
from kerastl.errors import TableError

ROWS = [("a.wav", "two", 1.2, 1.7), ("a.wav", "one", 3.0, 3.4), ("b.wav", None, None, None)]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    (tmp_path / "sounds").mkdir()
    for name in ("a.wav", "b.wav"):
        soundfile.write(tmp_path / "sounds" / name, np.zeros(8000 * 4), 8000)
    frame = pd.DataFrame(ROWS, columns=["path", "word", "start_seconds", "end_seconds"])
    frame.to_csv(tmp_path / "sounds" / "events.csv", index=False)
    return tmp_path / "sounds" / "events.csv"


def test_a_window_with_all_of_a_word_is_a_yes_with_less_than_half_a_no_else_unknown(
    table: Path,
) -> None:
    made = table_from_recordings(table, relative_to=table.parent, hop_seconds=0.25)
    windows = made.frame[made.frame["path"] == "a.wav"].set_index("start_seconds")
    answers = {start: None if pd.isna(one) else int(one) for start, one in windows["two"].items()}
    # From 0.25 on a window holds 0.05 s of the word, from 0.5 on 0.3 s, from 0.75 on all of it.
    assert [answers[start] for start in (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75)] == [
        0, None, 1, 1, None, 0, 0,
    ]  # fmt: skip


def test_every_word_is_a_task_and_each_is_a_negative_of_the_others(table: Path) -> None:
    made = table_from_recordings(table, relative_to=table.parent)
    assert made.tasks == ("one", "two")
    yes = made.frame[made.frame["one"] == 1]
    assert set(yes["path"]) == {"a.wav"}
    assert (yes["two"] == 0).all()
    assert (made.frame.loc[made.frame["path"] == "b.wav", ["one", "two"]] == 0).all(axis=None)


def test_windows_lie_inside_of_recordings_and_paths_are_relative_to_the_new_table(
    table: Path,
) -> None:
    made = table_from_recordings(
        table, relative_to=table.parent.parent, words=["two"], window_seconds=1.5, hop_seconds=0.5
    )
    assert list(made.frame.columns) == ["path", "start_seconds", "end_seconds", "two"]
    windows = made.frame[made.frame["path"] == "sounds/b.wav"]
    np.testing.assert_allclose(windows["start_seconds"], np.arange(6) * 0.5)
    np.testing.assert_allclose(windows["end_seconds"] - windows["start_seconds"], 1.5)


def test_a_recording_shorter_than_the_window_is_one_example(table: Path) -> None:
    frame = table_from_recordings(table, relative_to=table.parent, window_seconds=9.0).frame
    assert frame["end_seconds"].tolist() == [4.0, 4.0]
    assert frame["two"].tolist() == [1, 0]


def test_words_that_are_never_said_are_noted(table: Path) -> None:
    made = table_from_recordings(table, relative_to=table.parent, words=["two", "six"])
    assert made.notes == ("'six' is never said.", ASSUMED)


def test_a_table_without_events_is_refused(table: Path) -> None:
    table.write_text("path,word,start_seconds,end_seconds\na.wav,,,\n")
    with pytest.raises(TableError, match="contains no word"):
        table_from_recordings(table, relative_to=table.parent)
