"""A file of a run that has changed is named, and a change that is meant can be accepted."""

import shutil
import subprocess
from pathlib import Path

import pytest
from finished_runs import write_run

from kerastl.backbones import find_backbone
from kerastl.errors import RunError, UnknownBackboneError
from kerastl.run.bundle import read_bundle
from kerastl.run.checksums import NAME, write_checksums
from kerastl.run.layout import RunLayout
from kerastl.run.models import load_model
from kerastl.run.record import read_record
from kerastl.run.results import write_thresholds


@pytest.fixture
def run(tmp_path: Path) -> RunLayout:
    layout = RunLayout(write_run(tmp_path / "run", rows=12))
    layout.model.write_bytes(b"a model")
    write_checksums(layout.folder, layout.checked)
    return layout


@pytest.mark.parametrize("name", ["config", "bundle", "metrics", "predictions", "history"])
def test_a_changed_file_of_a_run_is_named(name: str, run: RunLayout) -> None:
    path: Path = getattr(run, name)
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(RunError, match=f"'{path.name}' is not the file that was written") as caught:
        read_record(run.folder)
    fix = "Restore the file, or remove its line from SHA256SUMS if the change is meant."
    assert caught.value.parts["fix"] == fix


def test_a_changed_model_is_named_before_a_byte_of_it_is_read_as_a_model(run: RunLayout) -> None:
    run.model.write_bytes(b"another model")
    with pytest.raises(RunError, match=r"'model\.keras' is not the file that was written here"):
        load_model(run.folder)


def test_a_changed_bundle_of_a_run_that_is_a_backbone_is_named(run: RunLayout) -> None:
    run.bundle.write_text(run.bundle.read_text() + "\n")
    with pytest.raises(UnknownBackboneError, match=r"'bundle\.json' is not the file"):
        find_backbone(f"run:{run.folder}")


def test_a_change_is_accepted_by_removing_the_line_of_its_file(run: RunLayout) -> None:
    sums = run.folder / NAME
    run.bundle.write_text(run.bundle.read_text() + "\n")
    lines = sums.read_text().splitlines(keepends=True)
    sums.write_text("".join(line for line in lines if "bundle.json" not in line))
    read_record(run.folder)


def test_a_run_without_hashes_loads_as_before(run: RunLayout) -> None:
    (run.folder / NAME).unlink()
    run.history.write_text("")
    read_record(run.folder)


def test_new_thresholds_bring_their_hashes(run: RunLayout) -> None:
    record = read_record(run.folder)
    write_thresholds(run, record.bundle.changed(created="today"), record.metrics)
    assert read_bundle(run).created == "today"
    assert run.bundle.name in (run.folder / NAME).read_text()


def test_a_killed_change_of_thresholds_is_not_taken_for_a_changed_file(
    run: RunLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = read_record(run.folder)
    _ = record.metrics
    monkeypatch.setattr("kerastl.run.results.write_checksums", lambda *_: None)
    write_thresholds(run, record.bundle.changed(created="today"), record.metrics)
    assert read_record(run.folder).bundle.created == "today"


def test_names_outside_of_the_folder_are_never_opened(run: RunLayout) -> None:
    sums = run.folder / NAME
    sums.write_text(f"{'0' * 64}  ../secret\n{'0' * 64}  /dev/zero\n{sums.read_text()}")
    read_record(run.folder)


def test_hashes_that_cannot_be_read_are_refused(run: RunLayout) -> None:
    (run.folder / NAME).write_bytes(b"\xff\xfe")
    with pytest.raises(RunError, match="The hashes in 'SHA256SUMS' cannot be read"):
        read_record(run.folder)


def test_the_usual_tool_checks_them_too(run: RunLayout) -> None:
    if shutil.which("sha256sum") is None:
        pytest.skip("sha256sum isn't installed")
    subprocess.run(["sha256sum", "-c", NAME], cwd=run.folder, check=True)
