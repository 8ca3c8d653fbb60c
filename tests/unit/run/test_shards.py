"""The parts of shards: complete, each once, of one job; or nothing is merged."""

import io
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from kerastl.data.inputs.streams import Decoded
from kerastl.errors import RunError
from kerastl.progress import SILENT, Progress
from kerastl.run.shards import Job, Shard, merged, read_parts
from kerastl.run.work import Work, compute_part

NUM_EXAMPLES, NUM_SHARDS = 100, 5
JOB = Job(command="predict", num_shards=NUM_SHARDS, counts=(NUM_EXAMPLES,), inputs="a", model="b")
EXPECTED = pd.DataFrame({"square": np.arange(NUM_EXAMPLES) ** 2})


def with_another_value(data: bytes) -> bytes:
    """Returns a Parquet file in which a bit of the last column's values has changed."""
    file = pq.ParquetFile(io.BytesIO(data)).metadata.row_group(0)
    column = file.column(file.num_columns - 1)
    offsets = [column.data_page_offset]
    if column.has_dictionary_page:
        offsets.append(column.dictionary_page_offset)
    place = min(offsets) + column.total_compressed_size - 2
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@dataclass(frozen=True, kw_only=True)
class Squares(Work):
    """Computes the squares of the indices of the examples."""

    def compute(
        self, rows: np.ndarray, decoded: Decoded | None = None, *, progress: Progress
    ) -> tuple[pd.DataFrame, str]:
        return pd.DataFrame({"square": rows**2}), "keras float32"


class Refuses(Squares):
    """Must not be asked."""

    def compute(
        self, rows: np.ndarray, decoded: Decoded | None = None, *, progress: Progress
    ) -> tuple[pd.DataFrame, str]:
        raise AssertionError("a finished shard was computed again")


def compute(folder: Path, *indices: int, job: Job = JOB) -> None:
    for index in indices:
        compute_part(folder, Shard(index, job.num_shards), Squares(job=job), progress=SILENT)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    compute(tmp_path, *range(NUM_SHARDS))
    return tmp_path


def refusal(folder: Path) -> str:
    with pytest.raises(RunError) as caught:
        read_parts(folder)
    return str(caught.value)


@pytest.mark.parametrize("num_examples", [0, 1, 15, 16, 17, 100, 4097])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 40, 5000])
def test_shards_are_disjoint_and_complete_and_made_of_whole_blocks(
    num_examples: int, count: int
) -> None:
    rows = [Shard(index, count).rows(num_examples) for index in range(count)]
    np.testing.assert_array_equal(np.concatenate(rows), np.arange(num_examples))
    assert all(own[0] % 16 == 0 for own in rows if len(own))
    assert max(map(len, rows)) <= num_examples / count + 16


def test_merged_parts_are_what_one_process_computes(folder: Path) -> None:
    pd.testing.assert_frame_equal(merged(read_parts(folder)), EXPECTED)


def test_more_shards_than_examples_leave_some_without_rows(tmp_path: Path) -> None:
    job = replace(JOB, num_shards=300)
    compute(tmp_path, *range(300), job=job)
    pd.testing.assert_frame_equal(merged(read_parts(tmp_path)), EXPECTED)


def test_a_finished_shard_is_not_computed_again(folder: Path) -> None:
    notes: list[str] = []

    class Listening(Progress):
        def note(self, text: str) -> None:
            notes.append(text)

    part = compute_part(folder, Shard(3, NUM_SHARDS), Refuses(job=JOB), progress=Listening())
    rows = part.rows()
    assert notes == [f"Shard 3/5 is finished already: {folder / 'part-00003-of-00005.parquet'}"]
    assert len(rows) == len(Shard(3, NUM_SHARDS).rows(NUM_EXAMPLES))


def test_a_missing_part_is_named(folder: Path) -> None:
    (folder / "part-00001-of-00005.parquet").unlink()
    (folder / "part-00004-of-00005.parquet").unlink()
    assert refusal(folder) == (
        "The parts are not complete, so nothing is merged.\n"
        f"  where:    {folder}\n"
        "  expected: the parts of 5 shards of one job\n"
        "  received: 2 of them are missing\n"
        "  fix:      Run the shards 1,4 of 5 (again)."
    )


def test_a_part_under_two_names_is_refused(folder: Path) -> None:
    part = folder / "part-00001-of-00005.parquet"
    shutil.copy(part, folder / "part-00001-of-00005-copy.parquet")
    message = refusal(folder)
    assert "part-00001-of-00005-copy.parquet: is the part of shard 1/5 under another" in message
    assert "missing" not in message


def test_a_part_in_the_place_of_another_is_refused(folder: Path) -> None:
    shutil.copy(folder / "part-00001-of-00005.parquet", folder / "part-00002-of-00005.parquet")
    message = refusal(folder)
    assert "part-00002-of-00005.parquet: is the part of shard 1/5 under another name" in message
    assert "run the shards 2 of 5 (again)" in message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"command": "evaluate"}, "of another command"),
        ({"model": "c"}, "of another run or config, or one that has changed"),
        ({"inputs": "c"}, "of other examples"),
        ({"counts": (99,)}, "of other examples"),
        ({"num_shards": 6}, "of another number of shards"),
        ({"version": "0.0"}, "of another version of kerastl"),
    ],
)
def test_a_part_of_another_job_is_refused(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, change: dict, words: str
) -> None:
    other = tmp_path_factory.mktemp("other")
    foreign = replace(JOB, **change)
    compute(other, 0, job=foreign)
    part = next(other.iterdir())
    with pytest.raises(RunError, match=f"already contains parts {words}"):
        compute_part(other, Shard(1, NUM_SHARDS), Squares(job=JOB), progress=SILENT)
    shutil.copy(part, folder)
    assert f"{part.name}: is {words}" in refusal(folder)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: data[:40] + bytes([data[40] ^ 1]) + data[41:],
        lambda data: b"PAR1" + b"\0" * 50 + b"PAR1",
        lambda data: with_another_value(data),
    ],
    ids=["truncated", "empty", "one bit of a header", "no footer", "one bit of a value"],
)
def test_a_damaged_part_is_refused_and_its_shard_computes_it_again(
    folder: Path, damage: Callable[[bytes], bytes]
) -> None:
    part = folder / "part-00002-of-00005.parquet"
    part.write_bytes(damage(part.read_bytes()))
    message = refusal(folder)
    assert "part-00002-of-00005.parquet: cannot be read" in message
    assert "run the shards 2 of 5 (again)" in message
    compute(folder, 2)
    assert len(merged(read_parts(folder))) == NUM_EXAMPLES


def test_a_parquet_file_of_something_else_is_refused(folder: Path) -> None:
    pd.DataFrame({"x": [1]}).to_parquet(folder / "part-other.parquet")
    assert "part-other.parquet: cannot be read (no part of this version" in refusal(folder)


def test_a_folder_without_parts_is_refused(tmp_path: Path) -> None:
    assert "There are no parts to merge." in refusal(tmp_path)
    assert "There are no parts to merge." in refusal(tmp_path / "missing")


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import test_shards as own
write = Path.write_bytes
def killed(path, content):
    write(path, content[:int(len(content) * ({share} or 1))])
    os.kill(os.getpid(), signal.SIGKILL)
Path.write_bytes = killed
own.compute(Path({folder!r}), 2)
"""


@pytest.mark.parametrize("share", [0, 0.01, 0.5], ids=["before renaming", "begun", "half"])
def test_a_shard_killed_while_it_writes_leaves_nothing_that_counts(
    folder: Path, share: float
) -> None:
    (folder / "part-00002-of-00005.parquet").unlink()
    code = KILLED.format(tests=str(Path(__file__).parent), share=share, folder=str(folder))
    done = subprocess.run([sys.executable, "-c", code], env=dict(os.environ), check=False)
    assert done.returncode == -signal.SIGKILL
    assert list(folder.glob(".writing-*"))
    assert "run the shards 2 of 5 (again)" in refusal(folder).lower()
    compute(folder, 2)
    assert not list(folder.glob(".writing-*"))
    assert len(merged(read_parts(folder))) == NUM_EXAMPLES


@pytest.mark.parametrize("text", ["", "3", "10/10", "-1/3", "1/0", "a/b", "1/2/3", "٣/٤"])
def test_a_shard_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(RunError) as caught:
        Shard.parse(text)
    assert f"received: '{text}'" in str(caught.value)
    assert "counted from 0" in str(caught.value)
