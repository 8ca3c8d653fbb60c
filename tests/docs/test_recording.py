"""The recording of a terminal shows the tutorial, and nothing of the machine it was made on."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
import record
from manual_blocks import blocks_of


@pytest.fixture(scope="module")
def recorded() -> tuple[dict[str, Any], list[tuple[float, str, str]]]:
    header, *events = map(json.loads, record.RECORDING.read_text("utf-8").splitlines())
    return header, events


def test_what_is_typed_in_the_recording_is_what_the_tutorial_says(recorded: Any) -> None:
    _, events = recorded
    typed = [text for _, kind, text in events if kind == "i"]
    said = []
    for block in blocks_of(record.PAGE.read_text("utf-8")):
        if block.language == "console":
            said += [line[2:] for line in block.text.splitlines() if line.startswith("$ ")]
        elif block.language in ("python", "yaml"):
            said.append(block.text)
    assert len(typed) == len(said) > 5
    for written, text in zip(said, typed, strict=True):
        is_command = "\n" not in written
        assert text == f"{written}\n" if is_command else text.endswith(f"<<'END'\n{written}END\n")


def test_the_recording_is_asciinemas_of_100_columns_without_long_pauses(recorded: Any) -> None:
    header, events = recorded
    assert (header["version"], header["width"]) == (2, 100)
    times = [at for at, _, _ in events]
    pauses = [later - at for at, later in itertools.pairwise(times)]
    assert all(0 <= pause <= 2.001 for pause in pauses)
    shown = "".join(text for _, kind, text in events if kind == "o")
    assert "Scores on test" in shown
    assert "━" in shown


def test_the_recording_tells_nothing_about_the_machine() -> None:
    assert record.told_about_the_machine(record.RECORDING.read_text("utf-8")) == []


def test_folders_and_names_of_the_machine_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "buildbox")
    monkeypatch.setattr("getpass.getuser", lambda: "somebody")
    text = "in /home/me/runs and /tmp/x, root@box of somebody on buildbox: runs/home/a, buildboxes"
    told = record.told_about_the_machine(text)
    assert told == ["/home/", "/tmp/", "root@", "somebody", "buildbox"]


def test_a_command_runs_in_a_terminal_of_100_columns(tmp_path: Path) -> None:
    shown = "".join(text for _, text in record.run("stty size; test -t 1 && echo é", tmp_path))
    assert shown == "30 100\r\né\r\n"
    with pytest.raises(RuntimeError, match="exit code 3: exit 3"):
        list(record.run("exit 3", tmp_path))
