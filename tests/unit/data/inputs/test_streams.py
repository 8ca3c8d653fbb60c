"""Decoding all files of a table: order, memory, errors and temporary files."""

import contextlib
import gc
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kerastl import scratch
from kerastl.data.inputs.streams import FileInputs
from kerastl.errors import KerastlError, MediaError
from kerastl.media.image.settings import ImageContract
from kerastl.progress import Progress
from kerastl_runtime.image import decoding
from kerastl_runtime.image.decoding import decode_image

SIZE = {"height": 4, "width": 5}


@pytest.fixture
def paths(tmp_path):
    rng = np.random.default_rng(0)
    found = []
    for index in range(50):
        found.append(tmp_path / f"{index}.png")
        Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)).save(found[-1])
    return found


def load_image(path, **options):
    return decode_image(path.read_bytes(), **SIZE, **options)


def expected(paths):
    return np.stack([load_image(path) for path in paths])


def file_inputs(paths, *, on_error="raise", **options):
    return FileInputs(paths, ImageContract(shape=(4, 5, 3), **options), on_error=on_error)


@pytest.mark.parametrize("max_memory_bytes", [0, 2**20])
def test_decoded_inputs_keep_the_order_of_the_paths(paths, monkeypatch, max_memory_bytes):
    monkeypatch.setattr(scratch, "available_memory", lambda: 4 * max_memory_bytes)
    inputs = file_inputs(paths)
    inputs.decode_all()
    np.testing.assert_array_equal(inputs.take(np.arange(50)), expected(paths))
    np.testing.assert_array_equal(inputs.take(np.array([7, 3])), expected([paths[7], paths[3]]))


def test_parts_come_in_order_with_their_rows(paths):
    parts = list(file_inputs(paths).stream(np.arange(50)))
    assert [part.rows[0] for part in parts] == [0, 16, 32, 48]
    np.testing.assert_array_equal(np.concatenate([part.values for part in parts]), expected(paths))


def test_the_way_of_resizing_is_passed_on(paths):
    found = file_inputs(paths[:1], resize="pad").take(np.array([0]))
    np.testing.assert_array_equal(found[0], load_image(paths[0], resize="pad"))


def test_the_first_unreadable_file_in_order_is_raised(paths):
    paths[22].write_bytes(b"")
    paths[40].write_bytes(b"")
    paths[20].write_bytes(b"nothing")
    for decode in (
        lambda: file_inputs(paths).decode_all(),
        lambda: file_inputs(paths).take(np.arange(50)),
    ):
        with pytest.raises(MediaError, match=r"20\.png"):
            decode()


def test_collected_errors_name_their_row_and_leave_the_others_whole(paths):
    paths[20].write_bytes(b"nothing")
    paths[33].unlink()
    inputs = file_inputs(paths, on_error="collect")
    inputs.decode_all()
    assert sorted(inputs.errors) == [20, 33]
    assert "does not exist" in inputs.errors[33]
    assert inputs.take(np.array([20])).max() == 0
    np.testing.assert_array_equal(inputs.take(np.array([21]))[0], load_image(paths[21]))


def test_no_paths_give_no_inputs():
    inputs = file_inputs([])
    assert inputs.take(np.arange(0)).shape == (0, 4, 5, 3)
    inputs.decode_all()
    assert inputs.take(np.arange(0)).shape == (0, 4, 5, 3)


def test_progress_ends_at_all_and_never_goes_back(paths):
    class Recorder(Progress):
        def __init__(self):
            self.steps, self.done = [], []

        def step(self, title, total=None):
            self.steps.append((title, total))

        def advance(self, done):
            self.done.append(done)

    recorder = Recorder()
    file_inputs(paths).decode_all(progress=recorder)
    assert recorder.steps == [("Reading images", 50)]
    assert recorder.done == sorted(recorder.done)
    assert recorder.done[-1] == 50


def test_few_parts_are_decoded_ahead(paths, monkeypatch):
    decoded = []

    def recording(data, **options):
        decoded.append(options["where"])
        return original(data, **options)

    original = decoding.decode_image
    monkeypatch.setattr(decoding, "decode_image", recording)
    monkeypatch.setattr("kerastl.data.inputs.streams._MAX_AHEAD_BYTES", 1)
    parts = file_inputs(paths).stream(np.arange(50), part_size=2)
    next(parts)
    time.sleep(0.3)  # long enough to decode all of them
    parts.close()
    assert len(decoded) <= 20


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
def test_the_temporary_file_has_no_name_and_goes_with_the_inputs(
    paths, temporary_folder, monkeypatch
):
    monkeypatch.setattr(scratch, "available_memory", lambda: 0)
    inputs = file_inputs(paths)
    inputs.decode_all()
    assert len(open_files(temporary_folder)) == 1
    assert list(temporary_folder.iterdir()) == []
    del inputs
    gc.collect()
    assert open_files(temporary_folder) == []


def test_a_full_disk_is_an_error_before_anything_is_decoded(paths, monkeypatch):
    inputs = FileInputs(paths * 10_000, ImageContract(shape=(2**13, 2**13, 3)))
    monkeypatch.setattr(FileInputs, "stream", lambda *_: pytest.fail("decoding has started"))
    with pytest.raises(KerastlError, match="no room for the decoded images"):
        inputs.decode_all()
