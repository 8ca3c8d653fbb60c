"""Caches of others below one's own: what is taken from them, and that nothing is written there."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from kerastl.errors import CacheError
from kerastl.features.cache import file_hashes
from kerastl.features.cache.cache_layers import (
    VARIABLE,
    FolderLayer,
    Layer,
    layers_below,
    make_layer,
)
from kerastl.features.cache.file_hashes import FileHashes
from kerastl.features.cache.publishing import publish
from kerastl.features.cache.row_store import RowStore
from kerastl_runtime.media_file import LocalFile

STORE = "features/network"
NUM = 5000  # more than a file


def keys_of(numbers: range) -> list[bytes | None]:
    return [hashlib.sha256(str(number).encode()).digest() for number in numbers]


def values_of(numbers: range) -> np.ndarray:
    return np.array([[number, number / 3] for number in numbers], np.float32)


def fill(layer: Layer, numbers: range) -> None:
    store = RowStore(layer, STORE, 2)
    store.add(keys_of(numbers), values_of(numbers))
    store.close()


def found_in(store: RowStore, numbers: range) -> list[int]:
    """Returns which numbers are found, after checking their values."""
    values = np.zeros((len(numbers), 2), np.float32)
    found = store.read_into(values, np.arange(len(numbers)), keys_of(numbers))
    np.testing.assert_array_equal(values[found], values_of(numbers)[found])
    return list(np.array(numbers)[found])


def state(folder: Path) -> list[tuple[str, int, int]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]


@pytest.fixture(params=["folder", "object storage"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "folder":
        (tmp_path / "team").mkdir()
        yield str(tmp_path / "team")
        return
    MemoryFileSystem.store.clear()
    yield "memory://bucket/team"
    MemoryFileSystem.store.clear()


def test_what_a_layer_below_has_is_found_and_what_is_new_goes_to_ones_own(
    address: str, tmp_path: Path
) -> None:
    fill(make_layer(address), range(10))
    own = FolderLayer(tmp_path / "own")
    store = RowStore(own, STORE, 2, below=[make_layer(address)])
    assert found_in(store, range(8, 12)) == [8, 9]
    store.add(keys_of(range(10, 12)), values_of(range(10, 12)))
    store.close()
    assert found_in(RowStore(own, STORE, 2), range(12)) == [10, 11]
    assert found_in(RowStore(make_layer(address), STORE, 2), range(12)) == list(range(10))


def test_reading_a_folder_below_changes_nothing_in_it(tmp_path: Path) -> None:
    fill(FolderLayer(tmp_path / "team"), range(10))
    (damaged,) = (tmp_path / "team" / STORE).iterdir()
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    (damaged.parent / "cut off.features").write_bytes(b"KTLFEAT1")
    os.utime(damaged, (1, 1))
    before = state(tmp_path / "team")
    below = [FolderLayer(tmp_path / "team")]
    store = RowStore(FolderLayer(tmp_path / "own"), STORE, 2, below=below)
    assert found_in(store, range(10)) == list(range(9))
    store.add(keys_of(range(9, 10)), values_of(range(9, 10)))
    store.close()
    again = RowStore(FolderLayer(tmp_path / "own"), STORE, 2, below=below)
    assert found_in(again, range(10)) == list(range(10))
    assert state(tmp_path / "team") == before


def test_what_is_published_is_found_below_and_copied_once(address: str, tmp_path: Path) -> None:
    own = tmp_path / "own"
    fill(FolderLayer(own), range(NUM))
    fill(FolderLayer(own), range(NUM, NUM + 10))
    assert publish(own, make_layer(address)).features == NUM + 10
    assert publish(own, make_layer(address)).features == 0
    fill(FolderLayer(own), range(NUM + 5, NUM + 20))
    assert publish(own, make_layer(address)).features == 10
    other = RowStore(FolderLayer(tmp_path / "other"), STORE, 2, below=[make_layer(address)])
    assert found_in(other, range(NUM + 30)) == list(range(NUM + 20))


def test_a_row_that_several_files_contain_is_copied_once(tmp_path: Path) -> None:
    for _ in range(2):
        fill(FolderLayer(tmp_path / "own"), range(NUM))
    assert publish(tmp_path / "own", FolderLayer(tmp_path / "team")).features == NUM


def test_hashes_of_files_are_found_below(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_hashes, "_RACY_NS", -(10**10))
    photo = LocalFile(str(tmp_path / "photo"))
    Path(str(photo)).write_bytes(b"content")
    FileHashes(tmp_path / "own").hash_files([photo])
    assert publish(tmp_path / "own", make_layer(address)).hashes == 1
    assert FileHashes(tmp_path / "other").recall([photo]) == [None]
    monkeypatch.setenv(VARIABLE, address)
    expected = hashlib.sha256(b"content").digest()
    assert FileHashes(tmp_path / "other").recall([photo]) == [expected]
    assert not (tmp_path / "other").exists()


def test_layers_are_separated_by_commas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, f" {tmp_path}, memory://bucket/team,")
    assert [str(layer) for layer in layers_below()] == [str(tmp_path), "memory://bucket/team"]
    monkeypatch.delenv(VARIABLE)
    assert layers_below() == ()


@pytest.mark.parametrize(
    ("address", "words"),
    [("/no/such/folder", "is no folder"), ("nothing://bucket", "cannot be opened")],
)
def test_a_layer_that_cannot_be_there_is_refused(
    address: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, address)
    with pytest.raises(CacheError, match=words):
        layers_below()


def test_storage_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **settings: object) -> None:
        raise RuntimeError("no credentials")

    monkeypatch.setattr(MemoryFileSystem, "ls", refuse)
    store = RowStore(None, STORE, 2, below=[make_layer("memory://bucket/team")])
    with pytest.raises(CacheError, match="memory://bucket/team: no credentials"):
        found_in(store, range(3))


def test_storage_that_fails_while_it_is_read_is_a_miss(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(make_layer(address), range(10))
    store = RowStore(FolderLayer(tmp_path / "own"), STORE, 2, below=[make_layer(address)])
    assert not store.is_empty

    def refuse(*args: object, **settings: object) -> bytes:
        raise OSError("reset by peer")

    monkeypatch.setattr(FolderLayer, "read", refuse)
    monkeypatch.setattr(MemoryFileSystem, "cat_file", refuse)
    assert found_in(store, range(10)) == []
