"""Heads solved by shards or workers: the run is that of one process."""

import json
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from in_process import kerastl_command

import kerastl
from kerastl import pipeline
from kerastl.errors import ConfigError, RunError
from kerastl.head_solving import head_work, solved_by, solved_on
from kerastl.pipeline import train_and_score
from kerastl.progress import SILENT, Progress
from kerastl.run.layout import RunLayout
from kerastl.run.shards import Shard, read_parts
from kerastl.run.work import Divide, Executor, Work, compute_part
from kerastl.runs import Run
from kerastl.training import solving
from kerastl.training.exact_head import solver
from kerastl.training.exact_head.partitions import LocalPartitions, Partition

NUM_SHARDS = 3


@pytest.fixture(autouse=True)
def _one_task_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two tasks are two blocks, so that one of three shards has nothing to do."""
    monkeypatch.setattr(solver, "TASKS_TOGETHER", 1)


def in_shards(folder: Path, *args: object) -> Path:
    for index in reversed(range(NUM_SHARDS)):
        shard = ["--shard", f"{index}/{NUM_SHARDS}", "--output", folder]
        assert kerastl_command("train", *args, *shard) == 0
    return folder


def without_its_place(bundle: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in bundle.items() if name not in ("created", "origin")}


@pytest.mark.parametrize("strength", ["auto", 0.01])
def test_the_run_of_merged_heads_is_that_of_one_process(
    strength: str | float,
    bright: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    args = [bright.path / "config.yaml", "--set", f"fit.regularization={strength}"]
    assert kerastl_command("train", *args, "--output", tmp_path / "whole", "-q") == 0
    expected = capsys.readouterr().out
    parts = in_shards(tmp_path / "parts", *args)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Shard 2/3: 1 task in" in shown.err
    assert "Shard 0/3 has nothing to do, because there are fewer blocks of 1 task" in shown.err
    assert [len(part.rows()) for part in read_parts(parts)] == [0, 1, 1]
    with monkeypatch.context() as patch:
        patch.delattr(solving, "solve_head")
        assert kerastl_command("merge", parts, "--output", tmp_path / "merged", "-q") == 0
    assert capsys.readouterr().out == expected.replace("whole", "merged")
    whole, merged = (RunLayout(tmp_path / name) for name in ("whole", "merged"))
    for name in ("config", "splits", "metrics", "missingness", "predictions", "history"):
        assert getattr(merged, name).read_bytes() == getattr(whole, name).read_bytes(), name
    found, other = (json.loads(layout.bundle.read_text()) for layout in (merged, whole))
    assert without_its_place(found) == without_its_place(other)
    weights = [kerastl.load_model(layout.model).get_weights() for layout in (merged, whole)]
    for mine, others in zip(*weights, strict=True):
        np.testing.assert_array_equal(mine, others)
    assert merged.report.is_file()
    assert not merged.state.exists()


def test_an_interrupted_merge_goes_on_when_it_is_given_again(
    bright: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = in_shards(tmp_path / "parts", bright.path / "config.yaml")
    merge = ("merge", parts, "--output", tmp_path / "merged", "-q")
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "_conclude", interrupted)
        assert kerastl_command(*merge) == 130
    assert RunLayout(tmp_path / "merged").is_started
    with monkeypatch.context() as patch:
        patch.delattr(solving, "solve_head")
        assert kerastl_command(*merge) == 0
    merged = RunLayout(tmp_path / "merged")
    assert merged.is_complete
    assert merged.predictions.read_bytes() == RunLayout(bright.path).predictions.read_bytes()
    capsys.readouterr()
    assert kerastl_command(*merge) == 2
    assert "already exists" in capsys.readouterr().err


def interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_heads_on_features_of_another_engine_are_solved_again(bright: Run, tmp_path: Path) -> None:
    work = head_work(bright.record.config, cache=True, progress=SILENT)
    parts = [compute_part(tmp_path, Shard(0, 1), work, progress=SILENT)]
    given = work.phase, work.features, work.examples, SILENT
    with solved_by(parts)(*given) as solve:
        expected = solve(*given)
        again = solve(work.phase, 2 * work.features, work.examples, SILENT)
    np.testing.assert_allclose(2 * again.kernel, expected.kernel, rtol=1e-4, atol=1e-5)


def test_a_training_that_changed_is_refused_by_shards_and_merge(
    bright: Run, bright_images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "table.csv"
    frame = pd.read_csv(bright_images / "table.csv")
    frame["path"] = [str(bright_images / name) for name in frame["path"]]
    frame.to_csv(table, index=False)
    args = [bright.path / "config.yaml", "--set", f"data.table={table}"]
    parts = in_shards(tmp_path / "parts", *args)
    frame.loc[0, "bright"] = 1 - frame.loc[0, "bright"]
    frame.to_csv(table, index=False)
    capsys.readouterr()
    assert kerastl_command("merge", parts, "--output", tmp_path / "run") == 2
    assert "solved its heads: they are of other examples." in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    assert kerastl_command("train", *args, "--output", parts, "--shard", "0/3") == 2
    assert "already contains parts of other examples" in capsys.readouterr().err
    assert kerastl_command("train", *args, "--output", parts, "--shard", "0/3", "--seed", "1") == 2
    assert "of another run or config" in capsys.readouterr().err
    (parts / "part-00001-of-00003.parquet").unlink()
    assert kerastl_command("merge", parts, "--output", tmp_path / "run") == 2
    assert "Run the shards 1 of 3 (again)." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--shard", "0/2"], "A shard writes its part into a folder."),
        (["--shard", "0/2", "-o", "parts", "--on", "ray"], "--shard and --on cannot be used"),
        (["--shard", "0/2", "-o", "parts", "--json"], "--shard and --json cannot be used"),
        (["--shard", "0/2", "-o", "parts", "--set", "features=auto"], "finds out while it trains"),
        (["--shard", "0/2", "-o", "parts", "--set", "fit.solver=keras"], "heads of this training"),
        (["--on", "rai"], "There is no executor 'rai'."),
    ],
)
def test_what_solves_no_heads_is_refused_before_anything_is_read(
    args: list[str],
    words: str,
    bright: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    values = yaml.safe_load((bright.path / "config.yaml").read_text())
    values["data"]["table"] = str(tmp_path / "missing.csv")
    values["fit"] = {}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(values))
    monkeypatch.chdir(tmp_path)
    assert kerastl_command("train", "config.yaml", *args) == 2
    assert words in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


class OnlyParts(Executor):
    """Holds no features."""

    def __init__(self, address: str):
        pass

    def parts(
        self, work: Work, shards: Sequence[Shard], *, progress: Progress
    ) -> Generator[tuple[Shard, bytes], None, None]:
        yield from ((shard, work.part(shard)) for shard in shards)


class Halves(OnlyParts):
    """Holds features in two places."""

    @contextmanager
    def holding(self, *, progress: Progress) -> Iterator[Divide]:
        yield lambda features, rows: LocalPartitions(
            *(Partition(features, half) for half in np.array_split(rows, 2))
        )


def test_heads_solved_on_workers_are_those_of_one_process(bright: Run, tmp_path: Path) -> None:
    config = bright.record.config.changed(fit={"regularization": 0.01})
    runs = [
        train_and_score(config, output=tmp_path / name, solving=solving)
        for name, solving in (("here", None), ("on-workers", solved_on(Halves(""))))
    ]
    frames = [run.predictions for run in runs if run is not None]
    # There are many more features than examples, so the principal axes are known less exactly.
    pd.testing.assert_frame_equal(*frames, rtol=0, atol=2e-3)


def test_what_cannot_be_solved_on_workers_is_refused_before_anything_is_written(
    bright: Run, tmp_path: Path
) -> None:
    config, run = bright.record.config, tmp_path / "run"
    with pytest.raises(RunError, match="The executor cannot solve heads"):
        train_and_score(config, output=run, solving=solved_on(OnlyParts("")))
    fitted = config.changed(fit={"solver": "keras"})
    with pytest.raises(ConfigError, match="The heads of this training are not solved"):
        train_and_score(fitted, output=run, solving=solved_on(Halves("")))
    assert not run.exists()
