"""The folder of the cache: sizes, the limit, and what is deleted first."""

import os
from pathlib import Path

import pytest

from kerastl.errors import CacheError
from kerastl.features.cache import location
from kerastl.features.cache.pruning import clear, list_entries, prune

HOUR = 3600.0


def make_file(path: Path, num_bytes: int, used: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * num_bytes)
    os.utime(path, (used, used))
    return path


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A cache of 1,000 bytes: two files of one store, one of another, a converted network."""
    make_file(tmp_path / "features" / "a" / "1.features", 100, used=1 * HOUR)
    make_file(tmp_path / "features" / "a" / "2.features", 200, used=4 * HOUR)
    make_file(tmp_path / "features" / "b" / "3.features", 300, used=2 * HOUR)
    make_file(tmp_path / "engines" / "c" / "model.xml", 150, used=3 * HOUR)
    make_file(tmp_path / "engines" / "c" / "model.bin", 250, used=3 * HOUR)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "num_bytes"),
    [("5GB", 5 * 10**9), ("500 mb", 5 * 10**8), ("1.5KiB", 1536), ("12", 12), ("7 B", 7)],
)
def test_a_size_is_a_number_and_a_unit(text: str, num_bytes: int) -> None:
    assert location.parse_size(text, where="--limit") == num_bytes


@pytest.mark.parametrize("text", ["", "much", "5 XB", "-3GB", "5GB5"])
def test_text_that_is_not_a_size_is_refused(text: str) -> None:
    with pytest.raises(CacheError, match="such as 5GB"):
        location.parse_size(text, where="--limit")


def test_entries_come_with_their_size_the_oldest_use_first(filled: Path) -> None:
    found = [(entry.kind, entry.name, entry.num_bytes) for entry in list_entries(filled)]
    assert found == [("features", "b", 300), ("engines", "c", 400), ("features", "a", 300)]


def test_the_least_recently_used_files_are_deleted_first(filled: Path) -> None:
    assert prune(filled, 650, now=5 * HOUR) == 400
    left = sorted(path.name for path in filled.rglob("*") if path.is_file())
    assert left == ["2.features", "model.bin", "model.xml"]
    assert not (filled / "features" / "b").exists()


def test_nothing_is_deleted_if_everything_fits(filled: Path) -> None:
    assert prune(filled, 1000, now=5 * HOUR) == 0


def test_a_converted_network_is_deleted_as_a_whole(filled: Path) -> None:
    prune(filled, 250, now=5 * HOUR)
    assert not (filled / "engines" / "c").exists()
    assert (filled / "features" / "a" / "2.features").exists()


def test_what_a_crash_left_is_removed_after_an_hour_and_not_before(filled: Path) -> None:
    old = make_file(filled / "features" / "a" / ".writing-1-x", 50, used=3.5 * HOUR)
    new = make_file(filled / "features" / "a" / ".writing-2-y", 50, used=4.5 * HOUR)
    assert prune(filled, 1000, now=5 * HOUR) == 50
    assert not old.exists()
    assert new.exists()


def test_clear_removes_all_that_is_ours_and_nothing_else(filled: Path) -> None:
    make_file(filled / "hashes" / "a.features", 10, used=HOUR)
    make_file(filled / "files.sqlite-journal", 5, used=HOUR)  # of version 0.1
    foreign = make_file(filled / "photo.jpg", 10, used=HOUR)
    assert clear(filled) == 1015
    assert list(filled.iterdir()) == [foreign]


def test_an_absent_cache_is_empty(tmp_path: Path) -> None:
    assert list_entries(tmp_path / "none") == []
    assert prune(tmp_path / "none", 0) == 0
    assert clear(tmp_path / "none") == 0


def test_the_environment_names_folder_and_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERASTL_CACHE", "/somewhere")
    monkeypatch.setenv("KERASTL_CACHE_LIMIT", "3MB")
    assert location.cache_folder() == Path("/somewhere")
    assert location.size_limit() == 3_000_000
    monkeypatch.delenv("KERASTL_CACHE")
    monkeypatch.delenv("KERASTL_CACHE_LIMIT")
    assert location.cache_folder().name == "kerastl"
    assert location.size_limit() == 10**10


def test_an_error_names_the_variable_of_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KERASTL_CACHE_LIMIT", "lots")
    with pytest.raises(CacheError, match="KERASTL_CACHE_LIMIT"):
        location.size_limit()
