"""What a user reads when a config of recordings contradicts itself, word for word."""

from pathlib import Path
from typing import Any

import pytest

from kerastl.config import parse_config
from kerastl.data.importing.negatives import write_negatives
from kerastl.data.tables.recordings import load_recordings
from kerastl.errors import ConfigError, MediaError, TableError

SOUNDS = {"table": "a.csv", "audio": "path", "tasks": ["seven", "two"]}
PICTURES = {"table": "a.csv", "image": "path", "tasks": ["seven", "two"]}
RATE = "false_accepts_per_hour<=1"


def problems(evaluation: dict[str, Any], data: dict[str, Any] = SOUNDS) -> tuple[str, ...]:
    raw = {"data": data, "backbone": {"name": "tiny:speech"}, "evaluation": evaluation}
    with pytest.raises(ConfigError) as raised:
        parse_config(raw)
    return raised.value.problems


def test_a_rate_is_chosen_on_recordings() -> None:
    assert problems({"threshold": {"two": " false_accepts_per_hour <= 1"}}) == (
        "evaluation.recordings: missing. false_accepts_per_hour<=1 is chosen on long recordings: "
        "name their table.",
    )


def test_recordings_are_for_a_rate() -> None:
    assert problems({"threshold": "youden", "recordings": "b.csv"}) == (
        "evaluation.recordings: has no effect without threshold: false_accepts_per_hour<=x.",
    )


@pytest.mark.parametrize("written", ["false_accepts_per_hour<=0", "false_accepts_per_hour>=1"])
def test_a_rate_is_a_number_above_0_and_a_most(written: str) -> None:
    assert problems({"threshold": written}) == (
        "evaluation.threshold: expected false_accepts_per_hour<=1 or another number, received "
        f"'{written}'.",
    )


def test_a_misspelt_rate_is_recognized() -> None:
    (problem,) = problems({"threshold": "false_accept_per_hour<=2"})
    assert problem.endswith("Did you mean 'false_accepts_per_hour<=1'?")


def test_pictures_are_not_listened_to() -> None:
    evaluation = {"threshold": RATE, "recordings": "b.csv", "listening": {"hop_seconds": 0.2}}
    assert problems(evaluation, PICTURES) == (
        "evaluation.recordings: has no effect on images. Remove it.",
        "evaluation.listening: has no effect on images. Remove it.",
    )


def test_negatives_accompany_recordings() -> None:
    assert problems({"threshold": "youden", "negatives": "n.csv"}) == (
        "evaluation.negatives: has no effect without recordings and false_accepts_per_hour<=x.",
    )


def test_a_recording_has_one_speaker(tmp_path: Path) -> None:
    table = tmp_path / "events.csv"
    table.write_text(
        "path,word,start_seconds,end_seconds,speaker\na.wav,one,0,1,anna\na.wav,one,1,2,ben\n"
    )
    with pytest.raises(TableError) as raised:
        load_recordings(table, ["one"])
    assert raised.value.problems == ("row 2: its speaker is 'ben', that of a.wav above is 'anna'",)


def test_negatives_are_written_into_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(TableError) as raised:
        write_negatives(tmp_path)
    assert str(raised.value) == (
        "The folder of the negatives is not empty.\n"
        f"  where:    {tmp_path}\n"
        "  fix:      Name a new folder, or empty it."
    )


def test_clips_of_negatives_are_audio(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    with pytest.raises(MediaError) as raised:
        write_negatives(tmp_path / "negatives", clips=tmp_path / "clips")
    assert str(raised.value).endswith("fix:      Correct --clips.")
    assert not (tmp_path / "negatives").exists()


def test_a_rate_with_recordings_is_valid_and_its_path_absolute() -> None:
    evaluation = {"threshold": f" {RATE} ", "recordings": "b.csv"}
    raw = {"data": SOUNDS, "backbone": {"name": "tiny:speech"}, "evaluation": evaluation}
    config = parse_config(raw)
    assert str(config.evaluation.policy("two")) == RATE
    assert config.evaluation.recordings is not None
    assert config.evaluation.recordings.is_absolute()
