"""The store of features: what comes back, and what crashes, disks and other writers leave."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from kerastl.features.cache.cache_layers import FolderLayer
from kerastl.features.cache.location import SUFFIX
from kerastl.features.cache.row_file import (
    KEY_BYTES,
    read_row_file,
    write_row_file,
)
from kerastl.features.cache.row_store import RowStore
from kerastl.files import replacing

DIM = 6


def open_store(folder: Path, dim: int = DIM, refusals: list[str] | None = None) -> RowStore:
    return RowStore(
        FolderLayer(folder.parent),
        folder.name,
        dim,
        on_write_error=(refusals if refusals is not None else []).append,
    )


def key(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def row(number: int, dim: int = DIM) -> np.ndarray:
    return np.random.default_rng(number).normal(size=dim).astype(np.float32)


def fill(store: RowStore, numbers: range, dim: int = DIM) -> None:
    store.add([key(n) for n in numbers], np.stack([row(n, dim) for n in numbers]))


def read(store: RowStore, numbers: list[int], dim: int = DIM) -> tuple[np.ndarray, np.ndarray]:
    values = np.full((len(numbers), dim), -1, np.float32)
    found = store.read_into(values, np.arange(len(numbers)), [key(n) for n in numbers])
    return values, found


def write_rows(folder: Path, numbers: range) -> None:
    layer, keys = FolderLayer(folder.parent), [key(n) for n in numbers]
    write_row_file(layer, folder.name, keys, np.stack([row(n) for n in numbers]))


def the_file(folder: Path) -> Path:
    (path,) = folder.glob(f"*{SUFFIX}")
    return path


def test_what_was_written_is_read_in_the_order_asked_for(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    fill(store, range(10))
    store.close()
    values, found = read(open_store(tmp_path), [7, 99, 2])
    assert found.tolist() == [True, False, True]
    np.testing.assert_array_equal(values[[0, 2]], [row(7), row(2)])
    assert (values[1] == -1).all()


def test_an_example_without_a_hash_is_never_kept(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.add([key(1), None], np.stack([row(1), row(2)]))
    store.close()
    path = the_file(tmp_path)
    file = read_row_file(FolderLayer(tmp_path), path.name, path.stat().st_size, None)
    assert file.row_bytes == 4 * DIM
    assert file.keys.tobytes() == key(1)


def test_a_reader_sees_what_another_writes_later(tmp_path: Path) -> None:
    reader, writer = open_store(tmp_path), open_store(tmp_path)
    assert reader.is_empty
    fill(writer, range(3))
    writer.close()
    assert read(reader, [0, 1, 2])[1].all()


def test_a_file_that_another_process_still_writes_is_left_alone(tmp_path: Path) -> None:
    with replacing(tmp_path / f"x{SUFFIX}") as temporary:
        temporary.write_bytes(b"KTLFEAT1, half of it")
        assert open_store(tmp_path).is_empty
        assert temporary.exists()


@pytest.mark.parametrize("num_bytes", [0, 10, 40, 200, -1])
def test_a_file_that_was_cut_off_serves_nothing_and_is_removed(
    tmp_path: Path, num_bytes: int
) -> None:
    write_rows(tmp_path, range(10))
    path = the_file(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[:num_bytes])
    assert not read(open_store(tmp_path), list(range(10)))[1].any()
    assert not path.exists()


def test_a_row_with_a_flipped_bit_is_a_miss_and_the_others_are_not(tmp_path: Path) -> None:
    write_rows(tmp_path, range(3))
    path = the_file(tmp_path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    values, found = read(open_store(tmp_path), [0, 1, 2])
    assert found.tolist() == [True, True, False]
    assert (values[2] == -1).all()


def test_a_key_with_a_flipped_bit_serves_nothing(tmp_path: Path) -> None:
    write_rows(tmp_path, range(3))
    path = the_file(tmp_path)
    content = bytearray(path.read_bytes())
    content[30] ^= 1
    path.write_bytes(content)
    assert not read(open_store(tmp_path), [0, 1, 2])[1].any()


def test_a_damaged_row_does_not_hide_the_one_that_is_computed_again(tmp_path: Path) -> None:
    write_rows(tmp_path, range(3))
    path = the_file(tmp_path)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    store = open_store(tmp_path)
    assert read(store, [0, 1, 2])[1].tolist() == [True, True, False]
    fill(store, range(2, 3))
    store.close()
    assert read(open_store(tmp_path), [0, 1, 2])[1].all()  # the others are kept


def test_of_two_keys_that_begin_alike_none_is_taken_for_the_other(tmp_path: Path) -> None:
    keys = [b"same bytes" + bytes([number]) * 22 for number in range(3)]
    write_row_file(
        FolderLayer(tmp_path.parent), tmp_path.name, keys[:2], np.stack([row(0), row(1)])
    )
    values = np.zeros((3, DIM), np.float32)
    found = open_store(tmp_path).read_into(values, np.arange(3), keys)
    assert found.tolist() == [True, False, False]
    np.testing.assert_array_equal(values[0], row(0))


def test_features_of_another_length_are_not_served(tmp_path: Path) -> None:
    store = open_store(tmp_path, dim=4)
    fill(store, range(3), dim=4)
    store.close()
    assert not read(open_store(tmp_path, dim=5), [0, 1, 2], dim=5)[1].any()


def test_a_file_that_is_deleted_under_a_reader_is_a_miss(tmp_path: Path) -> None:
    writer = open_store(tmp_path)
    fill(writer, range(3))
    writer.close()
    reader = open_store(tmp_path)
    assert not reader.is_empty
    the_file(tmp_path).unlink()
    assert not read(reader, [0])[1].any()


def test_many_small_files_are_joined_and_nothing_is_lost(tmp_path: Path) -> None:
    for number in range(70):
        store = open_store(tmp_path)
        fill(store, range(number, number + 2))
        store.close()
    assert len(list(tmp_path.glob(f"*{SUFFIX}"))) < 70
    values, found = read(open_store(tmp_path), list(range(71)))
    assert found.all()
    np.testing.assert_array_equal(values, [row(n) for n in range(71)])


WRITER = """
import hashlib, sys, numpy as np
from pathlib import Path
from kerastl.features.cache.cache_layers import FolderLayer
from kerastl.features.cache.row_store import RowStore
folder, first, last, dim = Path(sys.argv[1]), *map(int, sys.argv[2:5])
store = RowStore(FolderLayer(folder.parent), folder.name, dim, on_write_error=print)
for n in range(first, last):
    values = np.random.default_rng(n).normal(size=dim).astype(np.float32)
    store.add([hashlib.sha256(str(n).encode()).digest()], values[None])
    if n % 5 == 4:
        store.flush()
        print(n, flush=True)
store.close()
"""


def start_writer(folder: Path, first: int, last: int, dim: int = DIM) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(first), str(last), str(dim)],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_processes_write_at_once_and_both_are_kept(tmp_path: Path) -> None:
    writers = [start_writer(tmp_path, 0, 300), start_writer(tmp_path, 200, 500)]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.close()
    values, found = read(open_store(tmp_path), list(range(500)))
    assert found.all()
    np.testing.assert_array_equal(values, [row(n) for n in range(500)])


def test_a_killed_writer_leaves_what_it_had_flushed_and_nothing_torn(tmp_path: Path) -> None:
    dim = 50_000  # a megabyte a flush, so that the kill falls into a write
    writer = start_writer(tmp_path, 0, 10_000, dim)
    assert writer.stdout is not None
    flushed = -1
    for line in writer.stdout:
        flushed = int(line)
        if flushed > 40:
            break
    time.sleep(0.003)
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait(60)
    writer.stdout.close()
    values, found = read(open_store(tmp_path, dim), list(range(flushed + 200)), dim)
    assert found[: flushed + 1].all()
    for number in np.flatnonzero(found):
        np.testing.assert_array_equal(values[number], row(number, dim))


@pytest.fixture
def tiny_disk(tmp_path: Path):
    """A file system of one megabyte."""
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("a small file system can only be mounted by root")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("this machine doesn't let anybody mount a tmpfs")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_told_once_and_what_was_written_stays_good(tiny_disk: Path) -> None:
    refusals: list[str] = []
    store = open_store(tiny_disk / "store", dim=20_000, refusals=refusals)
    for begin in range(0, 40, 4):
        fill(store, range(begin, begin + 4), dim=20_000)
        store.flush()
    store.close()
    assert refusals == ["No space left on device"]
    values, found = read(open_store(tiny_disk / "store", dim=20_000), list(range(40)), 20_000)
    assert 0 < found.sum() < 40
    for number in np.flatnonzero(found):
        np.testing.assert_array_equal(values[number], row(number, 20_000))
    assert not list((tiny_disk / "store").glob(".writing-*"))


def test_keys_are_hashes_of_32_bytes() -> None:
    assert len(key(0)) == KEY_BYTES
