"""Stored hashes: never of a file that has changed."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from kerastl.features.cache import file_hashes
from kerastl.features.cache.file_hashes import FileHashes
from kerastl_runtime.media_file import LocalFile


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets files count as unchanged at once, instead of after two seconds."""
    monkeypatch.setattr(file_hashes, "_RACY_NS", -(10**10))


def make_file(path: Path, content: bytes = b"one") -> Path:
    path.write_bytes(content)
    return path


def digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


@pytest.mark.usefixtures("settled")
def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    path = make_file(tmp_path / "a")
    hashes = FileHashes(tmp_path / "cache")
    assert hashes.recall([LocalFile(path)]) == [None]
    assert hashes.hash_files([LocalFile(path)]) == [digest(b"one")]
    assert FileHashes(tmp_path / "cache").recall([LocalFile(path)]) == [digest(b"one")]


@pytest.mark.usefixtures("settled")
def test_a_changed_file_is_hashed_again_though_size_and_time_are_the_same(tmp_path: Path) -> None:
    path = make_file(tmp_path / "a")
    hashes = FileHashes(tmp_path / "cache")
    hashes.hash_files([LocalFile(path)])
    before = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert hashes.recall([LocalFile(path)]) == [None]
    assert hashes.hash_files([LocalFile(path)]) == [digest(b"two")]


@pytest.mark.usefixtures("settled")
def test_another_file_under_the_same_name_is_hashed_again(tmp_path: Path) -> None:
    path = make_file(tmp_path / "a")
    hashes = FileHashes(tmp_path / "cache")
    hashes.hash_files([LocalFile(path)])
    make_file(tmp_path / "b", b"two").replace(path)
    assert hashes.hash_files([LocalFile(path)]) == [digest(b"two")]


def test_a_file_that_changed_a_moment_ago_is_not_remembered(tmp_path: Path) -> None:
    """A second change within the clock's step would leave no trace."""
    path = make_file(tmp_path / "a")
    hashes = FileHashes(tmp_path / "cache")
    hashes.hash_files([LocalFile(path)])
    assert hashes.recall([LocalFile(path)]) == [None]


def test_a_file_that_has_rested_is_remembered(tmp_path: Path) -> None:
    path = make_file(tmp_path / "a")
    time.sleep(2.1)
    hashes = FileHashes(tmp_path / "cache")
    hashes.hash_files([LocalFile(path)])
    assert hashes.recall([LocalFile(path)]) == [digest(b"one")]


def test_a_missing_file_has_no_hash(tmp_path: Path) -> None:
    assert FileHashes(tmp_path / "cache").hash_files([LocalFile(tmp_path / "gone")]) == [None]
    assert LocalFile(tmp_path / "gone").version() is None


@pytest.mark.usefixtures("settled")
def test_a_damaged_memory_is_dropped_and_begun_anew(tmp_path: Path) -> None:
    path, memory = make_file(tmp_path / "a"), tmp_path / "cache"
    FileHashes(memory).hash_files([LocalFile(path)])
    (stored,) = (memory / "hashes").iterdir()
    stored.write_bytes(stored.read_bytes()[:-1])
    assert FileHashes(memory).recall([LocalFile(path)]) == [None]
    assert not stored.exists()
    hashes = FileHashes(memory)
    assert hashes.hash_files([LocalFile(path)]) == [digest(b"one")]
    assert hashes.hash_files([LocalFile(path)]) == [digest(b"one")]
    assert hashes.recall([LocalFile(path)]) == [digest(b"one")]


def test_without_a_memory_files_are_hashed_each_time(tmp_path: Path) -> None:
    path = make_file(tmp_path / "a")
    assert FileHashes(None).hash_files([LocalFile(path)]) == [digest(b"one")]
    assert FileHashes(None).recall([LocalFile(path)]) == [None]
