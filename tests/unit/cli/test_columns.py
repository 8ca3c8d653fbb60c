"""Tables are never wider than the terminal, and keep every name and every cell."""

import pytest

from kerastl.cli import columns
from kerastl.cli.columns import show_columns

HEADERS = ("task", "known", "yes", "AUC", "95 %", "AP", "accuracy")
ROWS = [
    (name, 1200, 39, "0.623", "0.435-0.776", "0.510", "0.618")
    for name in ("pedestrian", "traffic_light", "信号", "macro (4 of 4)")
]
WIDTHS = (40, 60, 80, 120)


def lines(capsys: pytest.CaptureFixture[str], **more: object) -> list[str]:
    show_columns(HEADERS, ROWS, **more)
    return capsys.readouterr().out.splitlines()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> int:
    """Width of the terminal that standard output is."""
    monkeypatch.setattr(columns, "terminal_width", lambda: request.param)
    return int(request.param)


@pytest.mark.parametrize("terminal", WIDTHS, indirect=True)
def test_no_line_is_wider_than_the_terminal(
    terminal: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        max(len(line) + line.count("信") + line.count("号") for line in lines(capsys)) <= terminal
    )


@pytest.mark.parametrize("terminal", WIDTHS, indirect=True)
def test_nothing_vanishes(terminal: int, capsys: pytest.CaptureFixture[str]) -> None:
    shown = lines(capsys)
    assert {cell for cell in HEADERS if not any(cell in line for line in shown)} == set()
    for name, *cells in ROWS:
        own = " ".join(line for line in shown if line.startswith(name))
        assert [f"{cell:,}" if isinstance(cell, int) else cell for cell in cells] == own.replace(
            name, ""
        ).split()


@pytest.mark.parametrize("terminal", [40, 60], indirect=True)
def test_every_part_begins_with_the_names(
    terminal: int, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = lines(capsys)
    num_parts = sum(line.startswith("task") for line in shown)
    assert num_parts > 1
    assert sum(line.startswith("traffic_light") for line in shown) == num_parts


@pytest.mark.parametrize("terminal", [40], indirect=True)
def test_a_long_name_and_a_long_cell_are_folded(
    terminal: int, capsys: pytest.CaptureFixture[str]
) -> None:
    name, price = "a_task_with_a_name_of_many_letters", "the price of a promise is a long sentence"
    show_columns(("task", "price"), [(name, price)], texts=[1])
    _, _, *shown = capsys.readouterr().out.splitlines()
    assert "".join(line[:20].strip() for line in shown) == name
    assert " ".join(line[20:].strip() for line in shown if line[20:].strip()) == price


def test_in_a_pipe_each_row_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    show_columns(HEADERS, [("x" * 300, *ROWS[0][1:])], title="Scores " * 40)
    title, _, headers, row, _ = capsys.readouterr().out.splitlines()
    assert title == "Scores " * 40
    assert headers.split() == ["task", "known", "yes", "AUC", "95", "%", "AP", "accuracy"]
    assert row == "x" * 300 + "  1,200   39  0.623  0.435-0.776  0.510     0.618"


def test_totals_are_apart(capsys: pytest.CaptureFixture[str]) -> None:
    assert lines(capsys, num_totals=1)[-3] == ""


def test_without_headers_only_the_rows_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    show_columns(("", ""), [("ok", "b")], texts=[1])
    assert capsys.readouterr().out == "ok  b\n\n"


def test_control_characters_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show_columns(("task",), [("a\x1b[31m\nb",)])
    assert "a?[31m?b\n" in capsys.readouterr().out
