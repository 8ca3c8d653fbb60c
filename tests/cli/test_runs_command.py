"""`kerastl runs` lists what `kerastl train` wrote, and survives what it did not."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
CONFIG = "backbone: {name: tiny:image}\ntrainable: {stages: 2}\n"
BUNDLE = {"created": "2026-03-01T10:00:00+00:00", "backbone": {"id": "tiny:image"}}
MACRO = {"auc": 0.81234, "auc_interval": [0.7, 0.9]}


def write_run(path: Path, *, created: str = "2026-03-01T10:00:00+00:00", **scores: object) -> Path:
    path.mkdir(parents=True)
    (path / "config.yaml").write_text(CONFIG)
    (path / "bundle.json").write_text(json.dumps({**BUNDLE, "created": created}))
    (path / "metrics.json").write_text(json.dumps(scores or {"test": {"macro": MACRO}}))
    (path / "report.html").touch()
    return path


def write_interrupted(path: Path) -> Path:
    (path / "state").mkdir(parents=True)
    (path / "config.yaml").write_text(CONFIG)
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TZ", "UTC")
    return tmp_path / "runs"


def rows(result: Any) -> dict[str, str]:
    """Name of each run to its row."""
    lines = [line for line in result.out.splitlines()[1:] if line]
    return {line.split()[0]: " ".join(line.split()[1:]) for line in lines}


def test_a_finished_run_has_scores_and_a_report(kerastl_command: Command, folder: Path) -> None:
    run = write_run(folder / "a")
    row = rows(kerastl_command("runs", folder))["a"]
    assert row.startswith("finished 2026-03-01 ")
    assert row.endswith(f'tiny:image {{"stages": 2}} 0.812 (0.700-0.900) {run / "report.html"}')


def test_a_folder_of_folders_with_runs_lists_them(kerastl_command: Command, folder: Path) -> None:
    write_run(folder / "digits" / "run")
    write_run(folder / "driving" / "run")
    assert set(rows(kerastl_command("runs", folder))) == {"digits/run", "driving/run"}
    write_run(folder / "a")
    assert set(rows(kerastl_command("runs", folder))) == {"a"}


def test_an_interrupted_run_has_the_command_that_resumes_it(
    kerastl_command: Command, folder: Path
) -> None:
    run = write_interrupted(folder / "a b")
    result = kerastl_command("runs", folder)
    assert "interrupted" in result.out
    assert f"kerastl train --resume '{run}'" in result.out


def test_a_run_without_its_last_files_is_interrupted(
    kerastl_command: Command, folder: Path
) -> None:
    (write_run(folder / "a") / "state").mkdir()
    assert rows(kerastl_command("runs", folder))["a"].startswith("interrupted ")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bundle.json", "{"),
        ("bundle.json", "[]"),
        ("bundle.json", '{"created": 3}'),
        ("metrics.json", "{}"),
        ("metrics.json", '{"test": {"macro": {"auc": "high"}}}'),
        ("config.yaml", "a: [1"),
    ],
)
def test_a_broken_run_has_a_row_with_its_problem(
    name: str, content: str, kerastl_command: Command, folder: Path
) -> None:
    write_run(folder / "good")
    (write_run(folder / "bad") / name).write_text(content)
    result = kerastl_command("runs", folder)
    assert result.code == 0
    found = rows(result)
    assert found["good"].startswith("finished ")
    assert found["bad"].startswith("broken ")
    assert (name.split(".")[0] in found["bad"]) or "config" in found["bad"].lower()


def test_a_link_out_of_the_run_is_a_problem(kerastl_command: Command, folder: Path) -> None:
    run = write_run(folder / "a")
    (run / "metrics.json").rename(folder / "elsewhere.json")
    (run / "metrics.json").symlink_to(folder / "elsewhere.json")
    assert "is a link to a file outside" in rows(kerastl_command("runs", folder))["a"]


def test_what_is_no_run_is_skipped(kerastl_command: Command, folder: Path) -> None:
    write_run(folder / "a")
    (folder / "empty").mkdir()
    (folder / "notes.txt").touch()
    assert list(rows(kerastl_command("runs", folder))) == ["a"]


def test_the_newest_run_is_first(kerastl_command: Command, folder: Path) -> None:
    for month, name in enumerate(("b", "a", "c"), start=1):
        write_run(folder / name, created=f"2026-0{month}-01T10:00:00+00:00")
    assert list(rows(kerastl_command("runs", folder))) == ["c", "a", "b"]


def test_a_run_itself_is_listed(kerastl_command: Command, folder: Path) -> None:
    assert list(rows(kerastl_command("runs", write_run(folder / "a")))) == ["a"]


def test_the_default_is_the_folder_runs(
    kerastl_command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(folder / "a")
    monkeypatch.chdir(folder.parent)
    assert "runs/a/report.html" in rows(kerastl_command("runs"))["a"]


def test_undefined_scores_are_dashes(kerastl_command: Command, folder: Path) -> None:
    write_run(folder / "a", test={"macro": {"auc": None}})
    assert '{"stages": 2} - ' in rows(kerastl_command("runs", folder))["a"]


def test_scores_of_another_split_name_it(kerastl_command: Command, folder: Path) -> None:
    write_run(folder / "a", validation={"macro": {"auc": 0.5}})
    assert "0.500 on validation" in rows(kerastl_command("runs", folder))["a"]


def test_json_has_all_of_it(kerastl_command: Command, folder: Path) -> None:
    write_run(folder / "a")
    write_interrupted(folder / "b")
    found = {run["path"]: run for run in json.loads(kerastl_command("runs", folder, "--json").out)}
    assert found[str(folder / "a")]["auc_interval"] == [0.7, 0.9]
    assert found[str(folder / "a")]["report"] == str(folder / "a" / "report.html")
    assert found[str(folder / "b")]["resume"] == f"kerastl train --resume {folder / 'b'}"


def test_a_folder_without_runs_is_no_error(kerastl_command: Command, tmp_path: Path) -> None:
    result = kerastl_command("runs", tmp_path)
    assert (result.code, result.out) == (0, f"No runs in {tmp_path}.\n")
    assert kerastl_command("runs", tmp_path, "--json").out == "[]\n"


def test_a_missing_folder_is_an_error(kerastl_command: Command, folder: Path) -> None:
    result = kerastl_command("runs", folder)
    assert result.code == 2
    assert f"There is no folder '{folder}'." in result.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_may_not_be_read_is_skipped(kerastl_command: Command, folder: Path) -> None:
    write_run(folder / "a")
    write_run(folder / "b").chmod(0)
    assert list(rows(kerastl_command("runs", folder))) == ["a"]
    (folder / "b").chmod(0o700)
