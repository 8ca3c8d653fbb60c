"""`kerastl report` from the command line."""

import shutil
import sys
from pathlib import Path

import pytest

from kerastl.cli import main

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "browser"))

from finished_runs import write_run  # its folder is made importable above


def test_it_writes_the_report_and_prints_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run", rows=60)
    main(["report", str(run)])
    assert capsys.readouterr().out == f"{run}/report.html\n"
    assert (run / "report.html").is_file()


def test_it_writes_elsewhere_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run", rows=60)
    main(["report", str(run), "-o", str(tmp_path / "x.html")])
    assert capsys.readouterr().out == f"{tmp_path}/x.html\n"
    assert not (run / "report.html").exists()


def test_it_opens_the_report_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("click.launch", opened.append)
    run = write_run(tmp_path / "run", rows=60)
    main(["report", str(run), "--open"])
    assert opened == [(run / "report.html").as_uri()]


def test_it_shows_the_images_of_somebody_elses_run_only_when_trusted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run", rows=60)
    (run / "table.csv").unlink()
    main(["report", str(run)])
    warning = " ".join(capsys.readouterr().err.split())
    assert "Warning: This run may be somebody else's: there is no table 'table.csv'." in warning
    assert "data:image/webp" not in (run / "report.html").read_text()
    main(["report", str(run), "--trust"])
    assert "Warning" not in capsys.readouterr().err
    assert "data:image/webp" in (run / "report.html").read_text()


def test_two_runs_are_compared_with_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run", rows=300)
    other = tmp_path / "other"
    shutil.copytree(run, other)
    main(["report", str(run), str(other), "-o", str(tmp_path / "x.html")])
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("No difference between other and run is seen")
    assert printed[1] == f"{tmp_path}/x.html"
    page = (tmp_path / "x.html").read_text()
    assert "run against other" in page
    assert "<h4>other instead of run</h4>" in page  # a run's name is never capitalized
    assert "Seconds" not in page  # what only `compare` measures


def test_a_folder_without_a_run_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["report", str(tmp_path)])
    assert stop.value.code == 2
    assert "does not contain a run" in capsys.readouterr().err
