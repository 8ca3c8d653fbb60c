"""A training on two machines, here two processes: one writer, and a lost worker."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import kerastl

pytestmark = pytest.mark.slow
RESULTS = ("history.csv", "predictions.parquet", "metrics.json", "splits.csv")


class Workers:
    """Two processes of one training, each with a temporary folder of its own."""

    def __init__(self, folder: Path, *arguments: object, only_second: tuple[str, ...] = ()):
        self.folders = [folder / name for name in ("first", "second")]
        ports = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        addresses = ",".join(f"127.0.0.1:{one.getsockname()[1]}" for one in ports)
        for one in ports:
            one.close()
        self.processes = []
        for index, own in enumerate(self.folders):
            own.mkdir(parents=True, exist_ok=True)
            self.processes.append(
                subprocess.Popen(
                    [
                        *(sys.executable, "-c", "from kerastl.cli import main; main()"),
                        *("train", *map(str, arguments), *(only_second if index else ())),
                        *("--workers", addresses, "--worker", str(index)),
                    ],
                    env={
                        **os.environ,
                        "TMPDIR": str(own),
                        "KERASTL_CACHE": str(folder / f"cache-{index}"),
                        "KERAS_BACKEND": "tensorflow",
                        "OMP_NUM_THREADS": "1",
                    },
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )

    def end(self, index: int) -> tuple[int, str, str]:
        """Returns the status and the outputs of a process that ends."""
        output, errors = self.processes[index].communicate(timeout=600)
        return self.processes[index].returncode, output, errors


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Workers]]:
    """Returns a function that starts both workers; what still runs afterwards is killed."""
    started: list[Workers] = []

    def run(*arguments: object, **options: Any) -> Workers:
        started.append(Workers(tmp_path, *arguments, **options))
        return started[-1]

    yield run
    for workers in started:
        for process in workers.processes:
            process.kill()
            process.communicate()


def config(folder: Path, images: Path, **settings: object) -> Path:
    """Writes a config of the fine-tuning of two heads."""
    data = {"table": str(images / "table.csv"), "image": "path", "tasks": ["bright", "red"]}
    values = {
        "data": {**data, "group": "scene"},
        "backbone": {"name": "tiny:image", "weights": None, "input_size": 32},
        "heads": "multi",
        "trainable": True,
        "fit": {"epochs": 20, "batch_size": 9, "patience": None, "learning_rate": 0.003},
        "evaluation": {"bootstrap": 20},
        **settings,
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.fixture(scope="module")
def undisturbed(
    bright_images: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, tuple[int, str, str]]:
    """The run of two workers, and how the second one ended."""
    folder = tmp_path_factory.mktemp("undisturbed")
    path = config(folder, bright_images, distribute={"workers": 2})
    workers = Workers(folder, path, "--output", folder / "run")
    second = workers.end(1)
    status, _, errors = workers.end(0)
    assert status == 0, errors
    return folder / "run", second


def test_two_workers_train_what_one_does(undisturbed, bright_images: Path, tmp_path: Path) -> None:
    """Rounding differs, and grows with the steps."""
    run = kerastl.train(config(tmp_path, bright_images), output=tmp_path / "run")
    frames = [pd.read_csv(path / "history.csv").head(3) for path in (run.path, undisturbed[0])]
    pd.testing.assert_frame_equal(*frames, rtol=1e-3, atol=1e-4)


def test_only_the_first_worker_writes_and_reports(undisturbed) -> None:
    run, (status, output, _) = undisturbed
    assert (status, output) == (0, "")
    remaining = {path.name for path in (run.parent / "second").iterdir()}
    assert remaining <= {"__pycache__"}  # which TensorFlow's AutoGraph leaves
    assert (run / "report.html").is_file()
    assert not (run / "state").exists()


@pytest.mark.parametrize(
    ("lost", "sign"),
    [(1, signal.SIGKILL), (0, signal.SIGKILL), (1, signal.SIGSTOP)],
    ids=["killed", "first killed", "frozen"],
)
def test_a_lost_worker_stops_the_others_and_the_run_resumes_to_the_same_bits(
    start, undisturbed, bright_images: Path, tmp_path: Path, lost: int, sign: signal.Signals
) -> None:
    path = config(tmp_path, bright_images, distribute={"workers": 2})
    run = tmp_path / "run"
    workers = start(path, "--output", run)
    while not list((run / "state" / "fine_tuning").glob("00000[2-9].npz")):
        time.sleep(0.02)
        assert workers.processes[0].poll() is None, workers.end(0)
    workers.processes[lost].send_signal(sign)
    status, _, errors = workers.end(1 - lost)
    assert status == 2, errors
    expected = f"Error: Worker {lost} was lost, so the training has stopped.\n"
    assert expected in errors
    assert f"`kerastl train --resume {run}`" in errors
    assert "Traceback" not in errors
    workers.processes[lost].kill()
    assert (run / "state").is_dir()
    again = start("--resume", run)
    for index in (0, 1):
        status, _, errors = again.end(index)
        assert status == 0, errors
    for name in RESULTS:
        assert (run / name).read_bytes() == (undisturbed[0] / name).read_bytes(), name


def test_workers_with_different_configs_do_not_train(
    start, bright_images: Path, tmp_path: Path
) -> None:
    path, run = config(tmp_path, bright_images, distribute={"workers": 2}), tmp_path / "run"
    workers = start(path, "--output", run, only_second=("--set", "fit.epochs=3"))
    for index in (0, 1):
        status, _, errors = workers.end(index)
        assert status == 2
        assert "Error: The workers do not train the same.\n" in errors
    assert not run.exists()
