"""A user without a home folder, as in a container with any user id."""

import atexit
import os
from pathlib import Path

import pytest

from kerastl.cli import main


@pytest.fixture
def no_home(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Removes the home folder; returns the folders that will be removed at exit."""

    def unknown(_: int) -> None:
        raise KeyError("uid not found")

    removed: list[Path] = []
    monkeypatch.setattr(atexit, "register", lambda _, folder, **__: removed.append(Path(folder)))
    monkeypatch.setattr("pwd.getpwuid", unknown)
    monkeypatch.setenv("HOME", "")  # so that it is restored
    monkeypatch.delenv("HOME")
    for name in ("KERASTL_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return removed


def test_without_a_home_folder_a_temporary_one_is_used(
    no_home: list[Path], capsys: pytest.CaptureFixture[str]
):
    main(["cache", "list"])
    (folder,) = no_home
    assert Path(os.environ["HOME"]) == folder
    assert str(folder) in capsys.readouterr().out
    folder.rmdir()


def test_a_home_folder_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("HOME", str(tmp_path))
    main(["cache", "list"])
    assert os.environ["HOME"] == str(tmp_path)
