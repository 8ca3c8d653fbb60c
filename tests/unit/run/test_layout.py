"""The layout of a run folder, and its record."""

from pathlib import Path

import pytest
from finished_runs import write_run

from kerastl.errors import RunError
from kerastl.files import temporary_path
from kerastl.run.layout import RunLayout, finish_run, free_name, start_run
from kerastl.run.record import RunRecord, read_record


def test_a_run_is_started_then_finished(tmp_path: Path) -> None:
    layout = RunLayout(tmp_path / "run")
    assert not layout.is_started
    start_run(layout, config="a: 1\n", splits="path,split\n")
    assert layout.is_started
    assert not layout.is_finished
    with pytest.raises(RunError, match="already exists"):
        start_run(layout, config="a: 1\n", splits="path,split\n")


def test_a_start_that_fails_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, text: str) -> None:
        if path.name == "splits.csv":
            raise OSError("no space left on device")
        path.write_text(text)

    monkeypatch.setattr("kerastl.run.layout.write_text", fail)
    with pytest.raises(OSError, match="no space"):
        start_run(RunLayout(tmp_path / "run"), config="a: 1\n", splits="path,split\n")
    assert list(tmp_path.iterdir()) == []


def test_a_start_removes_what_an_interrupted_start_of_the_same_run_left(tmp_path: Path) -> None:
    for name in ("run", "other-run"):
        temporary_path(tmp_path / name).mkdir()
    start_run(RunLayout(tmp_path / "run"), config="a: 1\n", splits="path,split\n")
    assert sorted(path.name.rpartition("-")[2] for path in tmp_path.iterdir()) == ["run", "run"]
    assert len(list(tmp_path.glob(".writing-*-other-run"))) == 1


def test_a_run_is_complete_once_its_state_is_removed(tmp_path: Path) -> None:
    layout = RunLayout(write_run(tmp_path / "run", rows=12))
    layout.state.mkdir()
    assert layout.is_finished
    assert not layout.is_complete
    finish_run(layout)
    assert layout.is_complete


def test_finishing_removes_the_state_and_leftover_temporary_files(tmp_path: Path) -> None:
    layout = RunLayout(write_run(tmp_path / "run", rows=12))
    before = sorted(layout.folder.iterdir())
    (layout.state / "heads").mkdir(parents=True)
    temporary_path(layout.model).write_text("torn")
    finish_run(layout)
    assert sorted(layout.folder.iterdir()) == before


def test_a_taken_name_gets_the_first_free_number(tmp_path: Path) -> None:
    for name in ("run", "run-2"):
        (tmp_path / name).mkdir()
    assert free_name(tmp_path / "run") == tmp_path / "run-3"


def test_a_record_reads_each_file_once(tmp_path: Path) -> None:
    record = read_record(write_run(tmp_path / "run", rows=12))
    predictions, metrics = record.predictions, record.metrics
    for path in (record.layout.predictions, record.layout.metrics):
        path.unlink()
    assert record.predictions is predictions
    assert record.metrics is metrics


def test_a_record_without_optional_files_is_readable(tmp_path: Path) -> None:
    record = read_record(write_run(tmp_path / "run", rows=12))
    for path in (record.layout.history, record.layout.missingness, record.layout.config):
        path.unlink(missing_ok=True)
    assert record.history.empty
    assert record.missingness is None
    assert record.config_text == ""


@pytest.mark.parametrize(
    "name", ["config.yaml", "history.csv", "bundle.json", "predictions.parquet"]
)
def test_a_file_of_a_run_that_is_a_link_to_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    run = write_run(tmp_path / "run", rows=12)
    (run / name).rename(run / "own")
    (run / name).symlink_to("own")
    read_record(run)
    (run / "own").rename(tmp_path / "private")
    (run / name).unlink()
    (run / name).symlink_to("../private")
    with pytest.raises(RunError) as caught:
        read_record(run)
    assert str(caught.value) == (
        f"The run file '{name}' is a link to a file outside of the run.\n"
        f"  where:    {run}/{name}\n"
        "  received: ../private\n"
        "  fix:      Replace the link by the file itself, if you trust the run."
    )


def test_an_unfinished_run_is_refused_with_the_command_that_resumes_it(tmp_path: Path) -> None:
    layout = RunLayout(tmp_path / "run")
    start_run(layout, config="a: 1\n", splits="path,split\na.png,test\n")
    assert list(RunRecord(layout).splits["split"]) == ["test"]
    with pytest.raises(RunError) as raised:
        read_record(layout.folder)
    assert str(raised.value) == (
        f"The run '{layout.folder}' is not finished.\n"
        f"  where:    {layout.folder}\n"
        f"  fix:      Run `kerastl train --resume {layout.folder}`."
    )
