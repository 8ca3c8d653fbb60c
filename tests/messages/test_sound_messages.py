"""The whole text of every deliberate error about sounds and segments."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from kerastl.config import NoiseConfig
from kerastl.errors import ConfigError, KerastlError, MediaError, TableError
from kerastl.media.audio.decoding import load_sound, read_sound
from kerastl.media.segments import read_segments, refuse_bad_segments
from kerastl.training.noise import NoiseSource


def text(kind, call):
    with pytest.raises(KerastlError) as caught:
        call()
    assert type(caught.value) is kind
    return str(caught.value)


@pytest.fixture
def second(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "a.wav", np.zeros(8000), 8000)
    return tmp_path / "a.wav"


def test_a_missing_sound(tmp_path):
    assert text(MediaError, lambda: read_sound(tmp_path / "a.wav", rate_hz=8000)) == (
        "The sound does not exist.\n"
        f"  where:    {tmp_path / 'a.wav'}\n"
        "  fix:      Correct the path in the table: paths are relative to the table's folder."
    )


def test_a_folder_in_the_place_of_a_sound(tmp_path):
    assert text(MediaError, lambda: read_sound(tmp_path, rate_hz=8000)) == (
        f"The sound can't be opened.\n  where:    {tmp_path}\n  received: Is a directory"
    )


def test_a_truncated_sound(second):
    second.write_bytes(second.read_bytes()[:-8000])
    assert text(MediaError, lambda: read_sound(second, rate_hz=8000)) == (
        "The sound is truncated or damaged.\n"
        f"  where:    {second}\n"
        "  received: 8000 of 16000 bytes of sound\n"
        "  fix:      Fetch the file again, or take its row out of the table; `kerastl data check` "
        "lists all such."
    )


def test_an_empty_sound(second):
    soundfile.write(second, np.zeros(0), 8000)
    assert text(MediaError, lambda: read_sound(second, rate_hz=8000)) == (
        "The sound is empty.\n"
        f"  where:    {second}\n"
        "  received: 0 samples\n"
        "  fix:      Fetch the file again, or take its row out of the table; `kerastl data check` "
        "lists all such."
    )


def test_what_is_no_sound(second):
    second.write_bytes(b"a poem, not a sound, though it may sound well")
    assert text(MediaError, lambda: read_sound(second, rate_hz=8000)) == (
        "The file is no sound that kerastl reads.\n"
        f"  where:    {second}\n"
        "  expected: WAV, FLAC, OGG or MP3\n"
        "  received: Format not recognised\n"
        "  fix:      Convert it to one of these formats, or take its row out of the table."
    )


def test_a_segment_outside_of_the_sound(second):
    call = lambda: read_sound(second, rate_hz=8000, start_seconds=0.5, end_seconds=1.5)  # noqa: E731
    assert text(MediaError, call) == (
        "The segment lies outside of the sound.\n"
        f"  where:    {second}\n"
        "  expected: a part of 0 to 1.000 s\n"
        "  received: 0.5 s to 1.5 s\n"
        "  fix:      Correct start_seconds and end_seconds in the table; they are seconds of the "
        "file."
    )


def test_a_window_that_there_is_not(second):
    call = lambda: load_sound(second, rate_hz=8000, num_samples=9, window="end")  # noqa: E731
    assert text(ConfigError, call) == (
        "There is no such window.\n  expected: start, center, loudest, pool\n  received: 'end'"
    )


def test_several_windows_where_one_is_asked_for(second):
    call = lambda: load_sound(second, rate_hz=8000, num_samples=9, window="pool")  # noqa: E731
    assert text(ConfigError, call) == (
        "One window was asked for, but 'pool' takes several.\n"
        "  expected: start, center or loudest\n"
        "  received: 'pool'"
    )


def test_a_cell_that_is_no_time():
    frame = pd.DataFrame({"start_seconds": ["0", "soon"], "end_seconds": ["1", "2"]})
    call = lambda: refuse_bad_segments(read_segments(frame), source="a.csv")  # noqa: E731
    assert text(TableError, call) == (
        "1 cells of start_seconds and end_seconds are no times.\n"
        "  where:    a.csv: row 2, column start_seconds\n"
        "  expected: seconds from 0 on, the end behind the start; blank for the file's own\n"
        "  received: 'soon'"
    )


def test_a_folder_without_noise(tmp_path):
    settings = NoiseConfig(files=(tmp_path,))
    assert text(MediaError, lambda: NoiseSource(settings.files, 8000)) == (
        "There are no sounds to take noise from.\n"
        f"  where:    {tmp_path}\n"
        "  expected: WAV, FLAC, OGG or MP3 files, or folders with such files\n"
        "  fix:      Correct augment.noise.files."
    )
