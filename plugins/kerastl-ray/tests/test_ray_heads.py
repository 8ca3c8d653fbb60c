"""Heads solved on features that actors hold: the numbers of one process, whatever dies."""

import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from kerastl.errors import RunError
from kerastl.progress import SILENT, Progress
from kerastl.training.exact_head.partitions import LocalPartitions, Partition
from kerastl.training.exact_head.solver import ExactHead, solve_head

ray = pytest.importorskip("ray", reason="Ray is not installed; `make test-ray` runs these tests")

from ray.cluster_utils import Cluster  # noqa: E402

from kerastl_ray import RayExecutor, held_partitions, worker  # noqa: E402  # needs Ray

ROWS = np.flatnonzero(np.arange(1_200) % 4)


def make_problem() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    features = (random.normal(size=(1_200, 24)) * random.uniform(0.1, 5, 24) + 3).astype("f4")
    logits = (features - features.mean(0)) @ random.normal(size=(24, 3)) / 12
    labels = (random.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(float)
    labels[random.random(labels.shape) > [1, 0.7, 0.3]] = np.nan
    return features, labels[ROWS]


def assert_same(one: ExactHead, other: ExactHead) -> None:
    for name in ("kernel", "bias", "strengths", "out_of_fold_logits", "path"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.fixture(scope="module", autouse=True)
def _cluster() -> Iterator[None]:
    """A machine with room for three actors of which two are used."""
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 3})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", cluster.address)
        patch.setattr(held_partitions, "_LEAST_ROWS", 100)
        yield
    cluster.shutdown()


class Listening(Progress):
    """Keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_the_heads_of_actors_are_those_of_one_process() -> None:
    features, labels = make_problem()
    expected = solve_head(features, labels, rows=ROWS, groups=None)
    with RayExecutor("?actors=2&cpus=1").holding(progress=SILENT) as divide:
        held = divide(features, ROWS)
        assert held.sizes == (450, 450)
        found = solve_head(held, labels, groups=None)
    scale = np.abs(expected.kernel).max()
    np.testing.assert_array_equal(found.strengths, expected.strengths)
    np.testing.assert_allclose(found.kernel, expected.kernel, rtol=0, atol=1e-6 * scale)
    places = LocalPartitions(*(Partition(features, half) for half in np.array_split(ROWS, 2)))
    assert_same(found, solve_head(places, labels, groups=None))


def test_actors_that_die_are_made_anew_and_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels = make_problem()
    calls: list[str] = []
    killed = {"squares": 0, "standardize": 1, "covariance": 0, "set_targets": 1, "logits": 0}
    listening = Listening()
    with RayExecutor("?actors=2&cpus=1").holding(progress=listening) as divide:
        held = divide(features, ROWS)
        call = held.call

        def killing(method: str, arguments: Any) -> list[Any]:
            if method not in calls and method in killed:
                ray.kill(held._holders[killed[method]])
            calls.append(method)
            return call(method, arguments)

        monkeypatch.setattr(held, "call", killing)
        found = solve_head(held, labels, groups=None)
    assert set(killed) <= set(calls)
    assert sum("A worker died" in note for note in listening.notes) == len(killed)
    places = LocalPartitions(*(Partition(features, half) for half in np.array_split(ROWS, 2)))
    assert_same(found, solve_head(places, labels, groups=None))


class Dying(worker.Holder):
    """Dies of each pass."""

    def call(self, method: str, arguments: tuple[Any, ...]) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)


def test_workers_that_die_each_time_end_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_partitions, "Holder", Dying)
    monkeypatch.setattr(held_partitions, "_MOST_DEATHS", 1)
    with (
        RayExecutor("?cpus=1").holding(progress=SILENT) as divide,
        pytest.raises(RunError, match="died one after the other, and none has finished a pass"),
    ):
        divide(make_problem()[0], ROWS)


def test_an_error_of_a_worker_is_raised_as_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_partitions, "installed_version", lambda _: "0.0.1")
    with (
        RayExecutor("?cpus=1").holding(progress=SILENT) as divide,
        pytest.raises(RunError, match="The workers have another version of kerastl"),
    ):
        divide(make_problem()[0], ROWS)
