"""Run folders of version 0.1 still predict, score, report and resume."""

import gzip
import io
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import kerastl
from kerastl.backbones import forget_plugins
from kerastl.cli import cli
from kerastl.errors import MediaError, RunError
from kerastl.run.layout import RunLayout
from kerastl.run.record import RunRecord

STORED = Path(__file__).parent / "old_run"
PLACEHOLDER = "@FOLDER@"
EXPECTED = json.loads((STORED / "expected.json").read_text())
TEXT = (".yaml", ".csv", ".json")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stored images and runs, with the paths of this machine."""
    folder = tmp_path_factory.mktemp("old").resolve()
    for source in STORED.rglob("*"):
        if source.is_file() and "__pycache__" not in source.parts:
            target = folder / source.relative_to(STORED)
            target.parent.mkdir(parents=True, exist_ok=True)
            restore(source, target, folder)
    return folder


def restore(source: Path, target: Path, folder: Path) -> None:
    if source.suffix == ".gz":
        target.with_suffix("").write_bytes(gzip.decompress(source.read_bytes()))
    elif source.suffix == ".parquet":
        frame = pd.read_parquet(source)
        frame["path"] = frame["path"].str.replace(PLACEHOLDER, str(folder), regex=False)
        frame.to_parquet(target, index=False)
    elif source.suffix in TEXT:
        target.write_text(source.read_text().replace(PLACEHOLDER, str(folder)))
    else:
        shutil.copy(source, target)


@pytest.fixture(autouse=True)
def plugin(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Installs the backbone that the runs were trained on, until the test ends."""
    metadata = folder / "kerastl_small-1.0.dist-info"
    metadata.mkdir(exist_ok=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: kerastl-small\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[kerastl.backbones]\nsmall = kerastl_small:family\n"
    )
    monkeypatch.syspath_prepend(folder)
    forget_plugins()
    yield
    forget_plugins()


def close(received: Any, expected: Any, *, path: str = "", tolerance: float = 1e-5) -> None:
    """Compares nested results; a text or None must be the same, a number nearly."""
    if isinstance(expected, dict):
        assert isinstance(received, dict), path
        assert set(expected) <= set(received), path
        for key, value in expected.items():
            close(received[key], value, path=f"{path}.{key}", tolerance=tolerance)
    elif isinstance(expected, float) and not isinstance(expected, bool):
        assert received == pytest.approx(expected, abs=tolerance, nan_ok=True), path
    else:
        assert received == expected, path


def command(*arguments: str | Path) -> None:
    """Runs a command of kerastl in this process, which knows the plugin."""
    cli.main([str(argument) for argument in arguments], standalone_mode=False)


def test_a_finished_run_predicts_what_it_predicted(folder: Path) -> None:
    expected = pd.DataFrame(EXPECTED["predictions"])
    expected["path"] = expected["path"].str.replace(PLACEHOLDER, str(folder), regex=False)
    received = kerastl.load_run(folder / "finished").predict(folder / "images")
    received["error"] = received["error"].fillna(expected["error"])
    pd.testing.assert_frame_equal(received, expected, check_dtype=False, atol=1e-6)


def test_predicting_nothing_but_unreadable_files_is_an_error_with_their_reasons(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.png").write_text("text")
    os.mkfifo(tmp_path / "b.png")
    unreadable = [tmp_path / name for name in ("a.png", "b.png", "c.png", "d.png")]
    with pytest.raises(MediaError, match="None of the 4 files can be read") as refused:
        command("predict", folder / "finished", *unreadable, "-o", tmp_path / "out.csv")
    assert refused.value.problems[0].startswith(f"{tmp_path / 'a.png'}: The file is not an image")
    assert refused.value.problems[-1] == "and 1 more"
    assert len(pd.read_csv(tmp_path / "out.csv")) == 4
    readable = next((folder / "images").iterdir())
    command("predict", folder / "finished", readable, tmp_path / "a.png")
    assert "1 of 2 files cannot be read; see 'error'." in capsys.readouterr().err


def test_the_bundle_of_another_order_of_tasks_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "finished", tmp_path / "run")
    path = tmp_path / "run" / "bundle.json"
    bundle = json.loads(path.read_text())
    bundle["tasks"] = dict(reversed(bundle["tasks"].items()))
    path.write_text(json.dumps(bundle))
    with pytest.raises(RunError, match="tasks: the order is not that of heads"):
        kerastl.load_run(tmp_path / "run")
    bundle["heads"]["tasks"].reverse()
    path.write_text(json.dumps(bundle))
    with pytest.raises(RunError, match="tasks: red, bright, where the model answers bright"):
        kerastl.load_run(tmp_path / "run").predict(folder / "images")


def test_a_finished_run_has_its_scores_and_is_scored_the_same_again(folder: Path) -> None:
    run = kerastl.load_run(folder / "finished")
    close(run.metrics["test"], json.loads((STORED / "finished/metrics.json").read_text())["test"])
    close(run.evaluate(), EXPECTED["scores"])


@pytest.mark.parametrize("name", ["finished", "interrupted"])
def test_keys_that_did_not_exist_mean_what_was_done(folder: Path, name: str) -> None:
    config = RunRecord(RunLayout(folder / name)).config
    assert config.features is None
    assert config.loss.task_weight is None


def test_the_report_of_a_finished_run_can_be_written_again(folder: Path) -> None:
    command("report", folder / "finished")
    page = (folder / "finished" / "report.html").read_text()
    assert "bright" in page
    assert "small:network" in page
    assert "data:image/webp;base64," in page


def test_an_interrupted_run_repeats_its_epochs_and_ends_as_if_it_had_not_been_interrupted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command("train", "--resume", folder / "interrupted")
    assert "was interrupted under version 0.1" in " ".join(capsys.readouterr().err.split())
    run = kerastl.load_run(folder / "interrupted")
    expected = pd.read_csv(io.StringIO(EXPECTED["whole"]["history"]))
    received = pd.read_csv(folder / "interrupted" / "history.csv")
    assert received.pop("kept").sum() == 1
    assert received.pop("val_calibrated_log_loss").notna().all()
    del received["loss"], expected["loss"]  # of version 0.1 it contained the penalties
    pd.testing.assert_frame_equal(received, expected, rtol=1e-3, atol=1e-4)
    close(run.metrics["test"], EXPECTED["whole"]["scores"], tolerance=1e-3)
