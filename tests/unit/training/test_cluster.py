"""The workers of a training find each other, or say who is missing."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from kerastl.config.training_sections import DistributeConfig
from kerastl.errors import ConfigError, RunError
from kerastl.training.cluster import Cluster, set_cluster


def free_addresses(count: int) -> tuple[str, ...]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = tuple(f"127.0.0.1:{one.getsockname()[1]}" for one in sockets)
    for one in sockets:
        one.close()
    return addresses


def test_workers_that_start_at_different_times_wait_for_each_other() -> None:
    addresses = free_addresses(3)
    clusters = [Cluster(addresses=addresses, index=index) for index in (2, 0, 1)]
    with ThreadPoolExecutor(3) as threads:
        for done in [threads.submit(cluster.meet, 20.0) for cluster in clusters]:
            assert done.result() is None


def test_the_first_worker_names_those_that_do_not_start_and_no_other_waits_forever() -> None:
    addresses = free_addresses(3)
    first, second = (Cluster(addresses=addresses, index=index) for index in (0, 1))
    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(one.meet, 1.0) for one in (first, second)]
        with pytest.raises(RunError) as caught:
            waiting[0].result()
        assert str(caught.value) == (
            "Not all workers have started.\n"
            f"  where:    {addresses[2]}\n"
            "  expected: all 3 within 1 seconds\n"
            "  received: nothing from worker 2\n"
            "  fix:      Start all workers at about the same time, with the same --workers."
        )
        with pytest.raises(RunError, match="nothing from worker 0"):
            waiting[1].result()


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        cluster = Cluster(addresses=(f"127.0.0.1:{port}", "127.0.0.1:1"), index=0)
        with pytest.raises(RunError, match=f"The port {port} of this worker cannot be used"):
            cluster.meet(1.0)


@pytest.mark.parametrize(
    ("task", "index"),
    [({"type": "chief", "index": 0}, 0), ({"type": "worker", "index": 1}, 2)],
)
def test_a_cluster_of_an_operator_of_kubernetes_has_its_chief_first(
    monkeypatch: pytest.MonkeyPatch, task: dict[str, object], index: int
) -> None:
    jobs = {"chief": ["a:1"], "worker": ["b:1", "c:1"], "ps": []}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": jobs, "task": task}))
    found = Cluster.find(DistributeConfig(workers=3))
    assert found == Cluster(addresses=("a:1", "b:1", "c:1"), index=index)
    assert found.is_first == (index == 0)


@pytest.mark.parametrize("settings", [None, DistributeConfig(devices=2)])
def test_a_training_on_one_machine_ignores_the_environment(
    monkeypatch: pytest.MonkeyPatch, settings: DistributeConfig | None
) -> None:
    monkeypatch.setenv("TF_CONFIG", "other")
    assert Cluster.find(settings) == Cluster(addresses=(), index=0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "[]",
        '{"cluster": {}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}}',
        '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "ps", "index": 0}}',
    ],
)
def test_an_environment_that_does_not_fit_is_refused(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ConfigError, match="The training needs the addresses of 2 workers"):
        Cluster.find(DistributeConfig(workers=2))


@pytest.mark.parametrize(
    ("addresses", "index", "message"),
    [
        ("", 0, "The addresses of the workers cannot be used"),
        ("a", 0, "The addresses of the workers cannot be used"),
        ("a:0,b:1", 0, "The addresses of the workers cannot be used"),
        ("a:1,a:1", 0, "The addresses of the workers cannot be used"),
        ("a:1,b:1", None, "Which worker this is was not given"),
        ("a:1,b:1", 2, "Which worker this is was not given"),
    ],
)
def test_options_that_name_no_cluster_are_refused(
    addresses: str, index: int | None, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        set_cluster(addresses, index)


def test_options_become_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", "other")
    set_cluster("a:2222, b:2222", 1)
    found = Cluster.find(DistributeConfig(workers=2))
    assert found == Cluster(addresses=("a:2222", "b:2222"), index=1)
