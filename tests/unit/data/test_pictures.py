"""Decoding a whole table: order, memory, errors and temporary files."""

import contextlib
import gc
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kerastl.errors import KerastlError, MediaError
from kerastl.media.image import pictures as pictures_module
from kerastl.media.image.decoding import load_image
from kerastl.media.image.pictures import iter_batches, load_pictures

SIZE = {"height": 4, "width": 5}


@pytest.fixture
def paths(tmp_path):
    rng = np.random.default_rng(0)
    found = []
    for index in range(50):
        found.append(tmp_path / f"{index}.png")
        Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)).save(found[-1])
    return found


def expected(paths):
    return np.stack([load_image(path, **SIZE) for path in paths])


@pytest.mark.parametrize("max_memory_bytes", [0, 2**20])
@pytest.mark.parametrize("num_threads", [1, 3])
def test_pictures_keep_the_order_of_the_paths(paths, num_threads, max_memory_bytes):
    options = {"num_threads": num_threads, "max_memory_bytes": max_memory_bytes}
    pictures = load_pictures(paths, **SIZE, **options)
    assert isinstance(pictures.images, np.memmap) == (max_memory_bytes == 0)
    assert len(pictures) == 50
    np.testing.assert_array_equal(pictures[:], expected(paths))
    np.testing.assert_array_equal(pictures.take(np.array([7, 3])), expected([paths[7], paths[3]]))
    batches = list(pictures.batches(16))
    assert [len(batch) for batch in batches] == [16, 16, 16, 2]
    np.testing.assert_array_equal(np.concatenate(batches), expected(paths))


@pytest.mark.parametrize("num_ahead", [0, 2, 100])
def test_batches_come_in_order_with_their_start(paths, num_ahead):
    batches = list(iter_batches(paths, 16, **SIZE, num_ahead=num_ahead, num_threads=2))
    assert [batch.start for batch in batches] == [0, 16, 32, 48]
    found = np.concatenate([batch.images for batch in batches])
    np.testing.assert_array_equal(found, expected(paths))


def test_the_way_of_resizing_is_passed_on(paths):
    pictures = load_pictures(paths[:1], **SIZE, resize="pad")
    np.testing.assert_array_equal(pictures[0], load_image(paths[0], **SIZE, resize="pad"))
    batch = next(iter_batches(paths[:1], 1, **SIZE, resize="pad"))
    np.testing.assert_array_equal(batch.images[0], load_image(paths[0], **SIZE, resize="pad"))


def test_the_first_unreadable_file_in_order_is_raised(paths):
    paths[22].write_bytes(b"")
    paths[40].write_bytes(b"")
    paths[20].write_bytes(b"nothing")
    for decode in (
        lambda: load_pictures(paths, **SIZE, num_threads=3),
        lambda: list(iter_batches(paths, 8, **SIZE, num_threads=3)),
    ):
        with pytest.raises(MediaError, match=r"20\.png"):
            decode()


def test_collected_errors_name_their_row_and_leave_the_others_whole(paths):
    paths[20].write_bytes(b"nothing")
    paths[33].unlink()
    pictures = load_pictures(paths, **SIZE, on_error="collect")
    assert sorted(pictures.errors) == [20, 33]
    assert "does not exist" in str(pictures.errors[33])
    assert pictures[20].max() == 0
    np.testing.assert_array_equal(pictures[21], load_image(paths[21], **SIZE))
    batches = list(iter_batches(paths, 16, **SIZE, on_error="collect"))
    assert [sorted(batch.errors) for batch in batches] == [[], [20], [33], []]


def test_no_paths_give_no_pictures():
    pictures = load_pictures([], **SIZE)
    assert pictures.images.shape == (0, 4, 5, 3)
    assert list(iter_batches([], 8, **SIZE)) == []


def test_progress_ends_at_all_and_never_goes_back(paths):
    seen = []
    load_pictures(paths, **SIZE, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (50, 50)
    assert {total for _, total in seen} == {50}


def test_few_batches_are_decoded_ahead(paths, monkeypatch):
    decoded = []

    def recording(path, **options):
        decoded.append(path)
        return load_image(path, **options)

    monkeypatch.setattr(pictures_module, "load_image", recording)
    batches = iter_batches(paths, 2, **SIZE, num_threads=1, num_ahead=1)
    next(batches)
    time.sleep(0.3)  # long enough to decode all of them
    batches.close()
    assert len(decoded) <= 3 * 2


@pytest.fixture
def temporary_folder(tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def open_files(folder):
    """The files in a folder that this process has open, deleted ones included."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found.append(str(link.readlink()))
    return [name for name in found if name.startswith(str(folder))]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux lists open files")
def test_the_temporary_file_has_no_name_and_goes_with_the_pictures(paths, temporary_folder):
    pictures = load_pictures(paths, **SIZE, max_memory_bytes=0)
    assert len(open_files(temporary_folder)) == 1
    assert list(temporary_folder.iterdir()) == []
    del pictures
    gc.collect()
    assert open_files(temporary_folder) == []


def test_a_full_disk_is_an_error_before_anything_is_decoded(paths):
    with pytest.raises(KerastlError, match="no room for the decoded images"):
        load_pictures(paths, height=2**20, width=2**20, max_memory_bytes=0)
