"""`--on ray` for real runs: what one process computes, and clean ends."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

import kerastl
from kerastl.cli import main
from kerastl.runs import Run

pytest.importorskip("ray", reason="Ray is not installed; `make test-ray` runs these tests")

from ray.cluster_utils import Cluster  # needs Ray

COMMAND = [sys.executable, "-c", "from kerastl.cli import main; main()"]


def kerastl_command(*args: object) -> int:
    try:
        main([str(arg) for arg in args])
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with a table of 1,100 images, three parts, one of which cannot be read."""
    folder = tmp_path_factory.mktemp("many")
    os.environ["KERASTL_CACHE"] = str(folder / "cache")
    numbers, rows = np.random.default_rng(0), []
    for number in range(1_100):
        values = numbers.integers(0, 150, (32, 32, 3), np.uint8) + np.uint8(100 * (number % 2))
        Image.fromarray(values).save(folder / f"{number}.png")
        rows.append({"path": f"{number}.png", "bright": number % 2})
    pd.DataFrame(rows[:60]).to_csv(folder / "small.csv", index=False)
    (folder / "700.png").write_bytes(b"no image")
    pd.DataFrame(rows).to_csv(folder / "table.csv", index=False)
    config = {
        "data": {"table": str(folder / "small.csv"), "image": "path", "tasks": ["bright"]},
        "backbone": {"name": "tiny:image", "weights": None},
        "evaluation": {"bootstrap": 50},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return kerastl.train(folder / "config.yaml", output=folder / "run")


@pytest.fixture
def table(run: Run) -> Path:
    return run.path.parent / "table.csv"


@pytest.fixture(scope="module")
def cluster() -> Iterator[tuple[str, str]]:
    """The addresses of a cluster with a GPU, which nobody uses: of Ray Client, and of Ray."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    head = {"num_cpus": 2, "num_gpus": 1, "ray_client_server_port": port}
    with pytest.MonkeyPatch.context() as patch:
        # The server of a client may take longer than the usual 30 s to start on a busy machine.
        patch.setenv("RAY_CLIENT_SERVER_CHECK_CHANNEL_TIMEOUT_S", "180")
        cluster = Cluster(initialize_head=True, head_node_args=head)
    yield f"127.0.0.1:{port}", cluster.address
    cluster.shutdown()


def test_predictions_of_a_cluster_with_a_gpu_are_the_bytes_of_one_process(
    run: Run,
    table: Path,
    cluster: tuple[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    args = ["predict", run.path, table, "--no-cache"]
    assert kerastl_command(*args, "--output", tmp_path / "whole.csv", "-q") == 0
    on = ["--on", f"ray://{cluster[0]}", "--output", tmp_path / "parts"]
    capsys.readouterr()
    assert kerastl_command(*args, *on) == 0
    shown = capsys.readouterr().err
    assert "Ray: 1 actor with a GPU each." in shown
    assert "1 of 1,100 files cannot be read" in shown
    assert kerastl_command("merge", tmp_path / "parts", "--output", tmp_path / "m.csv", "-q") == 0
    assert pd.read_csv(tmp_path / "m.csv")["error"].notna().sum() == 1
    assert (tmp_path / "m.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.mark.parametrize("command", ["extract", "evaluate"])
def test_other_parts_of_a_cluster_are_those_of_shards(
    command: str,
    run: Run,
    cluster: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", cluster[1])
    args = [command, run.path / "config.yaml" if command == "extract" else run.path]
    on, alone = tmp_path / "on", tmp_path / "alone"
    assert kerastl_command(*args, "--on", "ray", "--output", on, "-q") == 0
    assert kerastl_command(*args, "--shard", "0/1", "--output", alone, "-q") == 0
    (part,) = on.iterdir()
    assert part.read_bytes() == (alone / part.name).read_bytes()


def test_a_training_on_a_cluster_is_that_of_one_process(
    run: Run,
    cluster: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    args = ["train", run.path / "config.yaml", "--on", f"ray://{cluster[0]}"]
    assert kerastl_command(*args, "--output", tmp_path / "run") == 0
    assert "Ray: 1 actor with 2 processors each." in capsys.readouterr().err
    pd.testing.assert_frame_equal(Run(tmp_path / "run").predictions, run.predictions)
    (tmp_path / "run/bundle.json").unlink()
    (tmp_path / "run/state").mkdir()
    monkeypatch.setenv("RAY_ADDRESS", cluster[1])
    assert kerastl_command("train", "--resume", tmp_path / "run", "--on", "ray", "-q") == 0
    pd.testing.assert_frame_equal(Run(tmp_path / "run").predictions, run.predictions)
    lost = ["train", run.path / "config.yaml", "--on", "ray://127.0.0.1:9"]
    assert kerastl_command(*lost, "--output", tmp_path / "lost") == 2
    assert "Ray cannot be reached at 127.0.0.1:9." in capsys.readouterr().err
    assert not (tmp_path / "lost").exists()


def processes_of(group: int) -> list[str]:
    """Returns what runs in a session but the agents of Ray, which look for their parent rarely."""
    listed = subprocess.run(["ps", "-eo", "sid,args"], capture_output=True, text=True, check=True)
    lines = [line.split(maxsplit=1) for line in listed.stdout.splitlines()]
    return [line[1] for line in lines if line[0] == str(group) and "Agent" not in line[1]]


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_a_command_that_is_stopped_leaves_no_process_and_goes_on_where_it_was(
    stop: signal.Signals, run: Run, table: Path, tmp_path: Path
) -> None:
    parts = tmp_path / "parts"
    args = ["predict", run.path, table, "--no-cache", "--on", "ray?cpus=1", "--output", parts]
    process = subprocess.Popen(
        [*COMMAND, *map(str, args)], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while not list(parts.glob("part-*")):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(stop)
    shown = process.communicate(timeout=60)[1]
    assert process.returncode == (130 if stop == signal.SIGINT else -stop)
    assert "Traceback" not in shown
    deadline = time.monotonic() + 20
    while processes_of(process.pid) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert processes_of(process.pid) == []
    found = {path.name: path.stat().st_mtime_ns for path in parts.glob("part-*")}
    assert len(found) < 3
    assert kerastl_command(*args, "-q") == 0
    kept = {path.name: path.stat().st_mtime_ns for path in parts.glob("part-*")}
    assert len(kept) == 3
    assert found.items() <= kept.items()


def test_an_address_where_nothing_listens_is_one_sentence(
    run: Run, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    on = ["--on", "ray://127.0.0.1:9", "--output", tmp_path / "parts"]
    assert kerastl_command("predict", run.path, table, *on) == 2
    assert "Error: Ray cannot be reached at 127.0.0.1:9." in capsys.readouterr().err
