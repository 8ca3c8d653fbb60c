"""Parts computed by actors: each once, whatever dies."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kerastl.data.inputs.streams import Decoded
from kerastl.errors import MediaError, RunError
from kerastl.progress import SILENT, Progress
from kerastl.run.shards import Job, Shard, merged, read_parts
from kerastl.run.work import Work, compute_part, compute_parts

ray = pytest.importorskip("ray", reason="Ray is not installed; `make test-ray` runs these tests")

from ray.cluster_utils import Cluster  # noqa: E402

from kerastl_ray import RayExecutor  # noqa: E402  # needs Ray

NUM_EXAMPLES = 6_000
JOB = Job(command="predict", counts=(NUM_EXAMPLES,), inputs="a", model="b")
EXPECTED = pd.DataFrame({"square": np.arange(NUM_EXAMPLES) ** 2})


@dataclass(frozen=True, kw_only=True)
class Squares(Work):
    """Computes squares; `scene` says what happens meanwhile."""

    job: Job = JOB
    folder: Path | None = None  # for what has happened
    scene: str = ""

    def compute(
        self, rows: np.ndarray, decoded: Decoded | None = None, *, progress: Progress
    ) -> tuple[pd.DataFrame, str]:
        if self.scene == "an error":
            raise MediaError("The file cannot be read.", where="a.png")
        if self.scene == "a warning":
            progress.warn("The cache cannot be written.")
        if self.scene == "dies each time":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.folder is not None:
            marker = self.folder / f"{rows[0]}"
            if not marker.exists():
                marker.touch()
                if self.scene == "dies once":
                    os.kill(os.getpid(), signal.SIGKILL)
            if self.scene == "slow":
                time.sleep(0.5)
        return pd.DataFrame({"square": rows**2}), "keras float32"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A cluster of two machines, which are processes of this one."""
    import sys

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    yield made
    made.shutdown()


@pytest.fixture
def executor(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> RayExecutor:
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    return RayExecutor("?actors=2&cpus=1")


def test_the_parts_are_those_of_shards(executor: RayExecutor, tmp_path: Path) -> None:
    parts = compute_parts(tmp_path / "on", Squares(), executor, progress=SILENT)
    pd.testing.assert_frame_equal(merged(read_parts(tmp_path / "on")), EXPECTED)
    alone = compute_part(tmp_path / "alone", Shard(3, len(parts)), Squares(), progress=SILENT)
    assert alone.path.read_bytes() == parts[3].path.read_bytes()


def test_shards_of_workers_that_die_are_computed_again(
    executor: RayExecutor, tmp_path: Path
) -> None:
    work = Squares(folder=tmp_path, scene="dies once")
    compute_parts(tmp_path / "on", work, executor, progress=SILENT)
    pd.testing.assert_frame_equal(merged(read_parts(tmp_path / "on")), EXPECTED)
    assert len([path for path in tmp_path.iterdir() if path.is_file()]) == 12  # deaths


def test_work_that_kills_each_worker_ends_in_an_error(
    executor: RayExecutor, tmp_path: Path
) -> None:
    work = Squares(scene="dies each time")
    with pytest.raises(RunError, match="died one after the other, and none has finished a part"):
        compute_parts(tmp_path, work, executor, progress=SILENT)


def test_an_error_of_the_work_is_raised_as_without_ray(
    executor: RayExecutor, tmp_path: Path
) -> None:
    with pytest.raises(MediaError) as caught:
        compute_parts(tmp_path, Squares(scene="an error"), executor, progress=SILENT)
    assert str(caught.value) == "The file cannot be read.\n  where:    a.png"


def test_a_warning_of_a_worker_is_shown(executor: RayExecutor, tmp_path: Path) -> None:
    heard: set[str] = set()

    class Listening(Progress):
        def warn(self, text: str) -> None:
            heard.add(text)

    compute_parts(tmp_path, Squares(scene="a warning"), executor, progress=Listening())
    assert heard == {"The cache cannot be written."}


def test_shards_of_a_machine_that_dies_are_computed_by_another(
    cluster: Cluster, executor: RayExecutor, tmp_path: Path
) -> None:
    second = cluster.add_node(num_cpus=2)

    class Killing(Progress):
        def advance(self, done: int) -> None:
            if done > NUM_EXAMPLES // 3 and second in cluster.list_all_nodes():
                cluster.remove_node(second, allow_graceful=False)

    work = Squares(folder=tmp_path, scene="slow")
    four = RayExecutor("?actors=4&cpus=1")
    compute_parts(tmp_path / "on", work, four, progress=Killing())
    assert second not in cluster.list_all_nodes()
    pd.testing.assert_frame_equal(merged(read_parts(tmp_path / "on")), EXPECTED)


@pytest.mark.parametrize(
    "text", ["?cpus=0", "?actors=two", "head", "head:x", ":1", "?actor=2", "auto:1:"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(RunError) as caught:
        RayExecutor(text)
    assert f"received: '{text}'" in str(caught.value)


def test_an_address_where_nothing_listens_is_refused_soon(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(RunError, match="Ray cannot be reached at"):
        compute_parts(tmp_path, Squares(), RayExecutor("127.0.0.1:9"), progress=SILENT)
    assert time.monotonic() - started < 20


def test_actors_for_which_no_machine_has_room_are_refused(
    executor: RayExecutor, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match="No machine of the cluster has room for an actor"):
        compute_parts(tmp_path, Squares(), RayExecutor("?cpus=64"), progress=SILENT)
