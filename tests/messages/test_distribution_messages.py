"""What a user reads when a training cannot run on several devices or machines, word for word."""

from collections.abc import Callable
from pathlib import Path

import keras
import pytest

import kerastl
from kerastl.config import load_config
from kerastl.config.training_sections import DistributeConfig
from kerastl.errors import ConfigError, KerastlError
from kerastl.training.cluster import Cluster, set_cluster
from kerastl.training.distribution import Distribution

TUNED = """\
data: {table: table.csv, image: path, tasks: [bright, red]}
backbone: {name: tiny:image}
trainable: true
distribute: {workers: 2}
"""


def message(call: Callable[[], object]) -> str:
    with pytest.raises(KerastlError) as caught:
        call()
    return str(caught.value)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TF_CONFIG", raising=False)
    Path("tuned.yaml").write_text(TUNED)
    return Path("tuned.yaml")


def test_heads_that_are_solved_need_one_processor(path: Path) -> None:
    assert message(lambda: load_config(path, ["trainable=false"])) == (
        "Config has 1 problem.\n"
        "  - distribute: has no effect with solver: exact, which solves heads on one processor in "
        "seconds. Remove it; `kerastl extract --shard` computes features on several machines.\n"
        "  where:    tuned.yaml, --set trainable=false"
    )


def test_without_addresses_nothing_is_read_or_written(path: Path) -> None:
    """The table does not even exist."""
    assert message(lambda: kerastl.train(path, output="run")) == (
        "The training needs the addresses of 2 workers.\n"
        "  where:    distribute.workers\n"
        "  received: no valid TF_CONFIG\n"
        "  fix:      Start each worker with `--workers HOST:PORT,HOST:PORT --worker I`, counted "
        "from 0."
    )
    assert not Path("run").exists()


def test_other_addresses_than_workers_are_counted(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_CONFIG", "")
    set_cluster("a:1,b:1,c:1", 0)
    found = message(lambda: kerastl.train(path, output="run"))
    assert "received: TF_CONFIG with 3\n" in found


def test_several_workers_need_the_folder_of_the_run(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_CONFIG", "")
    set_cluster("a:1,b:1", 1)
    assert message(lambda: kerastl.train(path)) == (
        "A training on several machines needs the folder of its run.\n"
        "  where:    --output\n"
        "  expected: the same folder on all workers, which they share"
    )


def test_the_addresses_of_workers() -> None:
    assert message(lambda: set_cluster("a:2222,b", 0)) == (
        "The addresses of the workers cannot be used.\n"
        "  where:    --workers\n"
        "  expected: a different HOST:PORT for each worker, separated by commas\n"
        "  received: a:2222,b"
    )
    assert message(lambda: set_cluster("a:2222,b:2222", 2)) == (
        "Which worker this is was not given.\n"
        "  where:    --worker\n"
        "  expected: a number from 0 to 1\n"
        "  received: 2"
    )


def test_more_devices_than_there_are() -> None:
    settings = DistributeConfig(devices=9)
    assert message(lambda: Distribution.start(settings, Cluster.find(settings))) == (
        "The machine has too few devices.\n"
        "  where:    distribute.devices\n"
        "  expected: all, or a number from 1 to 1\n"
        "  received: 9"
    )


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_only_tensorflow_trains_on_several_devices(
    monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    settings = DistributeConfig()
    assert message(lambda: Distribution.start(settings, Cluster.find(settings))) == (
        "Only TensorFlow trains on several devices.\n"
        "  where:    distribute\n"
        f"  received: the backend {backend}\n"
        "  fix:      Unset KERAS_BACKEND, or remove distribute."
    )


def test_comparisons_train_on_one_device(path: Path) -> None:
    from kerastl.compare import compare

    with pytest.raises(ConfigError) as caught:
        compare(path, axis="trainable")
    assert str(caught.value) == (
        "A comparison trains on one device.\n  where:    distribute\n  fix:      Remove distribute."
    )
