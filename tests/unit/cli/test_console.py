"""Progress on terminals of any width, in logs, and with --quiet."""

import io
import time

import pytest
import rich.console

from kerastl.cli import console
from kerastl.cli.console import TerminalProgress

WIDTHS = (40, 60, 80, 120)


def shown(width: int, monkeypatch: pytest.MonkeyPatch, *, is_quiet: bool = False) -> list[str]:
    """Returns the last frame of three steps on a terminal of a width."""
    file = io.StringIO()
    terminal = rich.console.Console(
        file=file, force_terminal=True, width=width, color_system=None, legacy_windows=False
    )
    monkeypatch.setattr(console.rich.console, "Console", lambda **_: terminal)
    with TerminalProgress(is_quiet) as progress:
        progress.step("Building the model")
        progress.step("Reading images", 12_000)
        progress.advance(7_000)
        progress.step("Features for the validation split", 40)
        progress.advance(40)
        progress.step("Scoring")
    return file.getvalue().splitlines()


@pytest.mark.parametrize("width", WIDTHS)
def test_bars_lose_neither_titles_nor_counts(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    text = " ".join(" ".join(shown(width, monkeypatch)).split())
    assert "…" not in text
    for part in ("Reading", "12,000/12,000", "40/40", "Scoring"):
        assert part in text


def test_an_unknown_total_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n".join(shown(120, monkeypatch))
    assert "/?" not in text
    assert "1/1" not in text


def test_the_clock_of_a_finished_step_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rich.console.Console, "is_terminal", True)
    with TerminalProgress() as progress:
        progress.step("Building the model")
        progress.step("Scoring")
        assert progress._bars is not None
        first = progress._bars.tasks[0]
        before = first.finished_time
        time.sleep(0.01)
        assert first.finished
        assert first.finished_time == before


def test_after_an_error_the_clock_stops_and_the_bar_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rich.console.Console, "is_terminal", True)
    progress = TerminalProgress()

    def interrupted_step() -> None:
        with progress:
            progress.step("Reading images", 10)
            progress.advance(3)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted_step()
    assert progress._bars is not None
    (task,) = progress._bars.tasks
    assert (task.completed, task.total) == (3, 10)
    assert task.stop_time is not None


def test_in_a_log_no_line_is_divided(capsys: pytest.CaptureFixture[str]) -> None:
    with TerminalProgress() as progress:
        progress.step("Reading images", 40)
        progress.note("note " * 50)
        progress.warn("word " * 50)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["Reading images: 40", "note " * 50, "Warning: " + "word " * 50]


def test_quiet_shows_warnings_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "_LOG_SECONDS", -1.0)
    with TerminalProgress(is_quiet=True) as progress:
        progress.step("Reading images", 40)
        progress.advance(3)
        progress.note("note")
        progress.warn("the labels")
    assert capsys.readouterr().err == "Warning: the labels\n"


def test_quiet_shows_no_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(80, monkeypatch, is_quiet=True) == []


def test_a_warning_is_shown_once(capsys: pytest.CaptureFixture[str]) -> None:
    with TerminalProgress() as progress:
        for text in ("the cache", "the labels", "the cache"):
            progress.warn(text)
    assert capsys.readouterr().err == "Warning: the cache\nWarning: the labels\n"
