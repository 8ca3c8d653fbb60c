"""Guesses about a table without a config, and the config that is written from them."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kerastl.config import config_template, load_config
from kerastl.data.importing.guess import TableGuess, guess_data, guess_table
from kerastl.errors import TableError

FILES = [f"{number}.jpg" for number in range(6)]


def guess(**columns: list[Any]) -> TableGuess:
    frame = pd.DataFrame({"file": FILES, **columns}, dtype=str)
    return guess_table(frame, Path("table.csv"))


def test_answers_in_words_and_uncertain_ones_get_a_policy() -> None:
    data = guess(
        car=["yes", "no", "", "Yes", "no", "no"],
        bus=["1", "0", "-1", "", "0", "1.0"],
        tram=["1", "0", "", "", "0", "1"],
        note=["a", "b", "c", "d", "e", "f"],
    ).data
    assert data["tasks"] == ["car", "bus", "tram"]
    assert data["labels"] == {
        "car": {"positive": ["Yes", "yes"], "negative": ["no"]},
        "bus": {"uncertain": ["-1"]},
    }


def test_positives_alone_make_unknown_labels_a_weak_no() -> None:
    assert guess(car=["1", "", "", "1", "", ""]).data["labels"] == {
        "car": {"when_unknown": {"weak_negative": 0.1}}
    }


@pytest.mark.parametrize("name", ["patient", "Patient ID", "speaker_id", "scene", "subject"])
def test_a_column_whose_name_and_repeated_values_say_so_is_the_group(name: str) -> None:
    found = guess(car=list("101010"), **{name: ["a", "a", "b", "b", "c", "c"]})
    assert found.data["group"] == name
    assert found.reasons["group"] == "of its name; 6 rows have 3 values"


def test_neither_a_label_nor_a_value_per_row_is_a_group() -> None:
    data = guess(person=list("101010"), patient=list("abcdef")).data
    assert "group" not in data
    assert data["tasks"] == ["person"]


def test_the_column_named_split_is_the_split() -> None:
    found = guess(car=list("101010"), old=["train"] * 6, split=["train", "val", "test"] * 2)
    assert found.data["split"] == {"column": "split"}


def test_a_table_without_labels_is_refused() -> None:
    with pytest.raises(TableError, match="No column of the table contains labels"):
        guess(note=list("abcdef"))


def test_the_config_that_is_written_says_why_and_is_valid(tmp_path: Path) -> None:
    found = guess(car=["yes", "no", "", "", "no", "yes"], speaker=list("aabbcc"))
    text = config_template(found.data, reasons=found.reasons, backbone="tiny:image")
    (tmp_path / "config.yaml").write_text(text)
    config = load_config(tmp_path / "config.yaml")
    assert config.data.group == "speaker"
    assert config.data.labels["car"].positive == ("yes",)
    assert "  # because of its name; 6 rows have 3 values:\n  group: speaker" in text
    assert (
        text[text.index("# heads:") :] == config_template()[config_template().index("# heads:") :]
    )


def test_columns_that_cut_examples_out_of_files_are_no_questions() -> None:
    frame = pd.DataFrame(
        {
            "path": ["a.tif", "a.tif"],
            **{name: [0, 1] for name in ("x", "y", "width", "height", "frame")},
            "crack": [1, 0],
        }
    )
    assert guess_data(frame, Path("t.csv"))["tasks"] == ["crack"]
    assert guess_table(frame, Path("t.csv")).data["tasks"] == ["crack"]
