"""`--shard` and `kerastl merge` on real runs: equal to one process, for each command."""

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from in_process import kerastl_command

import kerastl
from kerastl.progress import SILENT, Progress
from kerastl.run.evaluate import Evaluation
from kerastl.run.predict import Predictions
from kerastl.run.shards import Shard
from kerastl.run.work import Work, compute_part
from kerastl.runs import Run
from kerastl.table_features import extraction

NUM_SHARDS = 3


def in_shards(folder: Path, *args: object, count: int = NUM_SHARDS) -> Path:
    for index in reversed(range(count)):
        assert kerastl_command(*args, "--output", folder, "--shard", f"{index}/{count}", "-q") == 0
    return folder


@pytest.fixture(params=["bright", "tones"])
def run(request: pytest.FixtureRequest) -> Run:
    """A run with several views of images, and one that averages windows of audio."""
    found: Run = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def table(run: Run) -> Path:
    return Path(str(run.record.config.data.table))


@pytest.mark.parametrize("cache", ["", "--no-cache"])
def test_merged_predictions_are_the_bytes_of_one_process(
    run: Run, table: Path, cache: str, tmp_path: Path
) -> None:
    frame = pd.read_csv(table)
    frame.loc[[3, 20], frame.columns[0]] = ["missing.png", str(table)]
    frame[frame.columns[0]] = [str(table.parent / name) for name in frame[frame.columns[0]]]
    frame.to_csv(tmp_path / "table.csv", index=False)
    args = ["predict", run.path, tmp_path / "table.csv", *filter(None, [cache])]
    assert kerastl_command(*args, "--output", tmp_path / "whole.csv", "-q") == 0
    parts = in_shards(tmp_path / "parts", *args)
    assert kerastl_command("merge", parts, "--output", tmp_path / "merged.csv", "-q") == 0
    assert pd.read_csv(tmp_path / "merged.csv")["error"].notna().sum() == 2
    assert (tmp_path / "merged.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_merged_predictions_of_cuts_are_the_bytes_of_one_process(
    bright: Run, bright_images: Path, tmp_path: Path
) -> None:
    paths = [str(bright_images / f"{number:02}.png") for number in range(40)]
    frame = pd.DataFrame({"path": paths, "x": 0, "y": 0, "width": 20, "height": 20}, dtype=object)
    frame.loc[:19, ["x", "y", "width", "height"]] = None  # whole images, in shards of their own
    frame.to_csv(tmp_path / "table.csv", index=False)
    args = ["predict", bright.path, tmp_path / "table.csv"]
    assert kerastl_command(*args, "--output", tmp_path / "whole.parquet", "-q") == 0
    parts = in_shards(tmp_path / "parts", *args)
    assert kerastl_command("merge", parts, "--output", tmp_path / "merged.parquet", "-q") == 0
    assert (tmp_path / "merged.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


@pytest.mark.parametrize("split", ["test", "validation", None])
def test_scores_of_merged_logits_are_those_of_one_process(
    run: Run, table: Path, split: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["evaluate", run.path, *(["--table", table] if split is None else ["--split", split])]
    capsys.readouterr()
    assert kerastl_command(*args, "--json", "-q") == 0
    expected = json.loads(capsys.readouterr().out)
    parts = in_shards(tmp_path / "parts", *args)
    assert capsys.readouterr().out == ""
    assert kerastl_command("merge", parts, "--json") == 0
    assert json.loads(capsys.readouterr().out) == expected


class Listening(Progress):
    """Keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        """Keeps a note."""
        self.notes.append(text)


def test_a_training_after_merged_features_computes_none(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = run.path / "config.yaml"
    monkeypatch.setenv("KERASTL_CACHE", str(tmp_path / "of-workers"))
    parts = in_shards(tmp_path / "parts", "extract", config)
    monkeypatch.setenv("KERASTL_CACHE", str(tmp_path / "of-the-trainer"))
    assert kerastl_command("merge", parts) == 0
    assert f"{len(run.predictions)} examples are in" in capsys.readouterr().out
    assert kerastl_command("merge", parts) == 0
    assert "(0 bytes added)" in capsys.readouterr().out
    listening = Listening()
    trained = kerastl.train(config, output=tmp_path / "run", progress=listening)
    notes = [note for note in listening.notes if note.startswith("Features for")]
    assert notes
    assert all(note.endswith("from the cache.") for note in notes)
    team = tmp_path / "team"
    assert kerastl_command("cache", "publish", team) == 0
    assert kerastl_command("cache", "publish", team) == 0
    assert "0 feature vectors and 0 hashes" in capsys.readouterr().out
    monkeypatch.setenv("KERASTL_CACHE", str(tmp_path / "of-another-trainer"))
    monkeypatch.setenv("KERASTL_CACHE_LAYERS", str(team))
    listening.notes.clear()
    kerastl.train(config, output=tmp_path / "with-the-team", progress=listening)
    assert notes == [note for note in listening.notes if note.startswith("Features for")]
    pd.testing.assert_frame_equal(trained.predictions, run.predictions, check_exact=True)


def test_features_that_the_cache_may_not_hold_are_refused(
    tones: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = in_shards(tmp_path / "parts", "extract", tones.path / "config.yaml", count=1)
    monkeypatch.setenv("KERASTL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KERASTL_CACHE_LIMIT", "1KB")
    assert kerastl_command("merge", parts) == 2
    assert "The features need more than the cache may hold." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"features": "auto"}, "finds out while it trains"),
        ({"trainable": True, "fit": {}}, "There are no features to extract"),
    ],
)
def test_a_training_without_known_features_has_nothing_to_extract(
    bright: Run, change: dict[str, Any], words: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    config = yaml.safe_load((bright.path / "config.yaml").read_text())
    (tmp_path / "changed.yaml").write_text(yaml.safe_dump({**config, "features": None, **change}))
    assert kerastl_command("extract", tmp_path / "changed.yaml") == 2
    assert words in capsys.readouterr().err


def test_a_table_that_changed_is_refused_by_shards_and_merge(
    bright: Run, bright_images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "table.csv"
    frame = pd.read_csv(bright_images / "table.csv")
    frame["path"] = [str(bright_images / name) for name in frame["path"]]
    frame.to_csv(table, index=False)
    args = ["evaluate", bright.path, "--table", table]
    parts = in_shards(tmp_path / "parts", *args)
    frame["bright"] = 1 - frame["bright"]
    frame.to_csv(table, index=False)
    assert kerastl_command("merge", parts) == 2
    assert "has changed since the shards were computed" in capsys.readouterr().err
    assert kerastl_command(*args, "--output", parts, "--shard", "0/3") == 2
    assert "already contains parts of other examples" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["predict", "--shard", "0/2"], "A shard writes its part into a folder."),
        (["predict", "--shard", "2/2", "-o", "parts"], "expected: i/n with i counted from 0"),
        (["predict", "--shard", "0/2", "-o", "parts", "--json"], "--shard and --json cannot"),
        (["evaluate", "--shard", "0/2", "-o", "a/b", "--recordings", "x"], "--shard and --rec"),
        (["predict", "--on", "rai"], "The workers compute parts, which are written into a folder."),
        (["predict", "--on", "ray", "--shard", "0/2", "-o", "parts"], "--shard and --on cannot"),
        (["predict", "--on", "ray", "-o", "parts", "--json"], "--on and --json cannot"),
        (["predict", "--on", "rai", "-o", "parts"], "There is no executor 'rai'."),
        (["evaluate", "-o", "parts"], "--output has no effect without --shard or --on"),
    ],
)
def test_options_that_make_no_shard_are_refused(
    args: list[str], words: str, tones: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = ["some.wav"] if args[0] == "predict" else []
    assert kerastl_command(args[0], tones.path, *inputs, *args[1:]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("command", ["predict", "evaluate", "extract"])
def test_workers_compute_the_parts_of_shards_from_what_they_are_sent(
    command: str, run: Run, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = shutil.copytree(run.path, tmp_path / "run")
    (moved / "export").mkdir()
    (moved / "export/notes.txt").write_text("of no matter")
    record = Run(moved).record
    monkeypatch.setenv("KERASTL_CACHE", str(tmp_path / "of-shards"))
    if command == "predict":
        frame = pd.read_csv(table)
        files = [str(table.parent / name) for name in frame[frame.columns[0]]]
        work: Work = Predictions.of(record, [*files, "missing.png"], exported=True, cache=True)
    elif command == "evaluate":
        work = Evaluation.of(record, table, "test", cache=True)
    else:
        work = extraction(record.config, progress=SILENT)
    shard = Shard(1, 2)
    expected = compute_part(tmp_path / "parts", shard, work, progress=SILENT).path.read_bytes()
    monkeypatch.setenv("KERASTL_CACHE", str(tmp_path / "of-workers"))
    sent = pickle.dumps(work.in_shards(2))
    shutil.rmtree(moved)
    received: Work = pickle.loads(sent)
    received.begin()
    assert received.part(shard) == expected
    assert received.part(shard, received.decode(shard)) == expected


def test_shards_killed_at_any_moment_and_run_again_lose_nothing(
    bright: Run, bright_images: Path, tmp_path: Path
) -> None:
    args = ["predict", bright.path, bright_images / "table.csv"]
    assert kerastl_command(*args, "--output", tmp_path / "whole.csv", "-q") == 0
    parts = tmp_path / "parts"
    code = "from kerastl.cli import main; main()"
    num_killed = 0
    for index, seconds in enumerate((0.5, 2.0, 3.0)):
        shard = ["--output", parts, "--shard", f"{index}/3", "-q"]
        command = [sys.executable, "-c", code, *map(str, [*args, *shard])]
        process = subprocess.Popen(command, env=dict(os.environ), stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        num_killed += process.wait() == -signal.SIGKILL
    assert num_killed
    in_shards(parts, *args)
    assert kerastl_command("merge", parts, "--output", tmp_path / "merged.csv", "-q") == 0
    assert (tmp_path / "merged.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    shutil.rmtree(parts)
