"""`kerastl demo` on the command line."""

from pathlib import Path

import pytest

from kerastl.cli import main


def test_draw_only_writes_data_and_config_and_says_what_comes_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["demo", "digits", "--folder", str(tmp_path / "my demo"), "--draw-only"])
    folder = tmp_path / "my demo" / "digits"
    assert {path.name for path in folder.iterdir()} == {
        "images",
        "digits.csv",
        "truth.csv",
        "digits.yaml",
    }
    assert f"kerastl train '{folder / 'digits.yaml'}'" in capsys.readouterr().out


def test_an_unknown_demo_is_refused_with_the_names_that_exist(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["demo", "cooking"])
    assert stop.value.code == 2
    assert "'driving', 'digits', 'wake-word'" in capsys.readouterr().err


@pytest.mark.slow
def test_a_demo_shows_what_the_gaps_cost_and_names_what_comes_next_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["demo", "digits", "--folder", str(tmp_path)])
    printed = capsys.readouterr().out
    lines = [line.strip() for line in printed.splitlines()]
    auc = {
        text: float(line.removeprefix(text).split()[0])
        for line in lines
        for text in ("masked", 'blanks as "no"', "rows dropped")
        if line.startswith(text)
    }
    assert auc["masked"] > max(auc['blanks as "no"'], auc["rows dropped"])
    assert printed.count("Next:") == printed.count("kerastl predict") == 1
    assert (tmp_path / "digits" / "run" / "report.html").is_file()


def test_a_demo_without_a_hard_version_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["demo", "digits", "--hard", "--folder", str(tmp_path / "demo")])
    assert stop.value.code == 2
    assert capsys.readouterr().err.splitlines() == [
        "Error: The demo 'digits' has no hard version.",
        "  received: --hard",
        "  fix:      Leave it out, or run `kerastl demo wake-word --hard`.",
    ]
    assert not (tmp_path / "demo").exists()
