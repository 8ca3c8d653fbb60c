"""Executors compute the parts that are missing; the process of the command writes them."""

import pickle
import sys
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kerastl.data.inputs.streams import Decoded
from kerastl.errors import KerastlError, RunError
from kerastl.progress import SILENT, Progress
from kerastl.run.executors import find_executor
from kerastl.run.sent_files import SentFiles
from kerastl.run.shards import Job, Shard, merged, read_parts
from kerastl.run.work import Executor, Work, compute_part, compute_parts

NUM_EXAMPLES = 1_300  # of which a part has 512
EXPECTED = pd.DataFrame({"square": np.arange(NUM_EXAMPLES) ** 2})


@dataclass(frozen=True, kw_only=True)
class Squares(Work):
    """Computes the squares of the indices of the examples, by a model that is loaded once."""

    job: Job = field(
        default=Job(command="predict", counts=(NUM_EXAMPLES,), inputs="a", model="b"), kw_only=True
    )

    @cached_property
    def model(self) -> Callable[[np.ndarray], np.ndarray]:
        return lambda rows: rows**2  # cannot be pickled

    def compute(
        self, rows: np.ndarray, decoded: Decoded | None = None, *, progress: Progress
    ) -> tuple[pd.DataFrame, str]:
        return pd.DataFrame({"square": self.model(rows)}), "keras float32"


class Backwards(Executor):
    """Pickles the work, and computes the last part first; fails after `address` parts."""

    asked: list[list[int]] = []  # noqa: RUF012  # by all of them

    def __init__(self, address: str):
        self.most = int(address or 10**6)

    def parts(
        self, work: Work, shards: Sequence[Shard], *, progress: Progress
    ) -> Generator[tuple[Shard, bytes], None, None]:
        self.asked.append([shard.index for shard in shards])
        received: Work = pickle.loads(pickle.dumps(work))
        received.begin()
        for done, shard in enumerate(reversed(shards)):
            if done == self.most:
                raise KeyboardInterrupt
            yield shard, received.part(shard)


@pytest.fixture(autouse=True)
def forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Backwards, "asked", [])


def test_the_parts_of_an_executor_are_those_of_shards(tmp_path: Path) -> None:
    work = Squares()
    assert work.model(np.arange(2)).tolist() == [0, 1]  # loaded here, and again by the worker
    parts = compute_parts(tmp_path / "on", work, Backwards(""), progress=SILENT)
    assert [part.shard.index for part in parts] == [0, 1, 2]
    pd.testing.assert_frame_equal(merged(read_parts(tmp_path / "on")), EXPECTED)
    for index in range(3):
        part = compute_part(tmp_path / "alone", Shard(index, 3), work, progress=SILENT)
        assert part.path.read_bytes() == (tmp_path / "on" / part.path.name).read_bytes()


def test_a_command_that_is_stopped_goes_on_with_the_parts_that_are_missing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        compute_parts(tmp_path, Squares(), Backwards("1"), progress=SILENT)
    (tmp_path / "part-00001-of-00003.parquet").write_bytes(b"PAR1")  # of a disk that was full
    compute_parts(tmp_path, Squares(), Backwards(""), progress=SILENT)
    compute_parts(tmp_path, Squares(), Backwards(""), progress=SILENT)
    assert Backwards.asked == [[0, 1, 2], [0, 1]]
    pd.testing.assert_frame_equal(merged(read_parts(tmp_path)), EXPECTED)


def test_an_executor_completes_what_shards_have_begun(tmp_path: Path) -> None:
    compute_part(tmp_path, Shard(3, 5), Squares(), progress=SILENT)
    compute_parts(tmp_path, Squares(), Backwards(""), progress=SILENT)
    assert Backwards.asked == [[0, 1, 2, 4]]
    pd.testing.assert_frame_equal(merged(read_parts(tmp_path)), EXPECTED)


def test_parts_of_another_job_are_refused(tmp_path: Path) -> None:
    compute_parts(tmp_path, Squares(), Backwards(""), progress=SILENT)
    other = Squares(job=Job(command="predict", counts=(NUM_EXAMPLES,), inputs="a", model="c"))
    with pytest.raises(RunError, match="contains parts of another run or config"):
        compute_parts(tmp_path, other, Backwards(""), progress=SILENT)


def test_examples_are_counted_as_they_are_done(tmp_path: Path) -> None:
    heard: list[int | None] = []

    class Counting(Progress):
        def step(self, title: str, total: int | None = None) -> None:
            heard.append(total)

        def advance(self, done: int) -> None:
            heard.append(done)

    compute_parts(tmp_path, Squares(), Backwards(""), progress=Counting())
    assert heard == [1300, 0, 436, 868, 1300]


def test_a_worker_with_another_version_is_refused() -> None:
    job = Job(command="predict", counts=(1,), inputs="a", model="b", version="0.0.1")
    with pytest.raises(RunError, match="another version of kerastl"):
        Squares(job=job).begin()


def test_relative_paths_start_where_the_command_was_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sent = pickle.dumps(Squares())
    monkeypatch.chdir(tmp_path.parent)
    pickle.loads(sent).begin()
    assert Path.cwd() == tmp_path


def test_files_are_used_where_they_are_and_otherwise_written_into_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    (folder / "export").mkdir(parents=True)
    files = [folder / "model.keras", folder / "export/model.onnx"]
    for file in files:
        file.write_text(file.name)
    sent = SentFiles.read(files, folder)
    assert sent.received() == folder
    monkeypatch.setenv("KERASTL_CACHE", str(tmp_path / "cache"))
    files[0].write_text("of another training")
    received = sent.received()
    assert (tmp_path / "cache") in received.parents
    assert (received / "model.keras").read_text() == "model.keras"
    (received / "export/model.onnx").write_text("damaged")
    assert sent.received() == received
    assert (received / "export/model.onnx").read_text() == "model.onnx"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Installs a distribution with the executor `dusk`, for the length of a test."""

    def function(name: str, code: str) -> None:
        folder = tmp_path / "site" / name
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (folder / f"{name}.py").write_text(code)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[kerastl.executors]\ndusk = {name}:Dusk\n")
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.delitem(sys.modules, name, raising=False)

    return function


CODE = """
from kerastl.run.work import Executor
class Dusk(Executor):
    def __init__(self, address):
        self.address = address
    def parts(self, work, shards, *, progress):
        for shard in shards:
            yield shard, work.part(shard)
"""


@pytest.mark.parametrize(
    ("text", "address"),
    [("dusk", ""), ("dusk://host:1?workers=2", "host:1?workers=2"), ("dusk?a=1", "?a=1")],
)
def test_an_executor_is_found_by_its_name_and_receives_the_address(
    install: Callable[[str, str], None], text: str, address: str
) -> None:
    install("duskexecutor", CODE)
    assert vars(find_executor(text)) == {"address": address}


def refusal(text: str) -> str:
    with pytest.raises(KerastlError) as caught:
        find_executor(text)
    return str(caught.value)


def test_an_executor_that_is_not_installed_names_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KERASTL_PLUGINS", "tiny")  # also where it is installed
    assert refusal("ray://head:10001") == (
        "There is no executor 'ray'.\n"
        "  expected: an installed executor\n"
        "  fix:      Install it: pip install 'kerastl[ray]'"
    )
    assert "Did you mean 'ray'?" in refusal("rey")


def test_what_is_no_executor_is_refused(install: Callable[[str, str], None]) -> None:
    assert "received: '://head'" in refusal("://head")
    install("duskexecutor", "class Dusk: pass")
    message = refusal("dusk")
    assert "The executor 'dusk' of duskexecutor is not an executor." in message
    assert "duskexecutor:Dusk" in message
