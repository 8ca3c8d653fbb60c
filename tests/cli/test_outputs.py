"""An output that cannot be written is refused before anything is read or computed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file").touch()
    return tmp_path


OUTPUTS = {
    "folder.csv": "is a directory",
    "file/a.csv": "not a directory",
    "file/more/a.csv": "not a directory",
    f"{'x' * 300}.csv": "file name too long",
    "/proc/a.csv": "no such file or directory",
}
COMMANDS = {
    "predict": ["no-run", "a.jpg", "--output"],
    "predict --scores": ["no-run", "a.wav", "--listen", "--scores"],
    "report": ["no-run", "--output"],
    "data from-coco": ["no.json", "--images", ".", "--overwrite", "--output"],
    "data from-folders": ["no-folder", "--overwrite", "--output"],
}


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("command", COMMANDS)
def test_it_is_refused_before_the_inputs_are_looked_at(
    command: str, output: str, folder: Path, kerastl_command: Callable[..., Any]
) -> None:
    before = sorted(folder.rglob("*"))
    result = kerastl_command(
        *command.removesuffix("--scores").split(), *COMMANDS[command], folder / output
    )
    assert result.code == 2
    assert "cannot be written" in result.err
    assert f"received: {OUTPUTS[output]}" in result.err
    assert sorted(folder.rglob("*")) == before


def test_a_folder_that_does_not_exist_yet_is_no_obstacle(
    folder: Path, kerastl_command: Callable[..., Any]
) -> None:
    result = kerastl_command("predict", "no-run", "a.jpg", "-o", folder / "new" / "er" / "a.csv")
    assert "There is no run" in result.err
    assert not (folder / "new").exists()
