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
