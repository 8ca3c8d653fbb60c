"""The whole text of every deliberate error about audio and segments."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from kerastl.config import NoiseConfig
from kerastl.errors import ConfigError, KerastlError, MediaError, TableError
from kerastl.media.audio.kind import AUDIO
from kerastl.media.audio.noise import NoiseSource
from kerastl.media.cuts import read_cuts, refuse_bad_cuts
from kerastl_runtime.audio.decoding import load_windows, read_audio


def text(kind, call):
    with pytest.raises(KerastlError) as caught:
        call()
    assert type(caught.value) is kind
    return str(caught.value)


@pytest.fixture
def second(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "a.wav", np.zeros(8000), 8000)
    return tmp_path / "a.wav"


def test_a_missing_audio_file(tmp_path):
    assert text(MediaError, lambda: read_audio(tmp_path / "a.wav", rate_hz=8000)) == (
        "The audio file does not exist.\n"
        f"  where:    {tmp_path / 'a.wav'}\n"
        "  fix:      Correct the path in the table: paths are relative to the table's folder."
    )


def test_a_folder_in_the_place_of_a_audio_file(tmp_path):
    assert text(MediaError, lambda: read_audio(tmp_path, rate_hz=8000)) == (
        f"The audio file cannot be opened.\n  where:    {tmp_path}\n  received: Is a directory"
    )


def test_a_truncated_audio_file(second):
    second.write_bytes(second.read_bytes()[:-8000])
    assert text(MediaError, lambda: read_audio(second, rate_hz=8000)) == (
        "The audio file is truncated or damaged.\n"
        f"  where:    {second}\n"
        "  received: 8000 of 16000 bytes of samples\n"
        "  fix:      Fetch the file again, or remove its row from the table; `kerastl data check` "
        "lists all such files."
    )


def test_an_empty_audio_file(second):
    soundfile.write(second, np.zeros(0), 8000)
    assert text(MediaError, lambda: read_audio(second, rate_hz=8000)) == (
        "The audio file is empty.\n"
        f"  where:    {second}\n"
        "  received: 0 samples\n"
        "  fix:      Fetch the file again, or remove its row from the table; `kerastl data check` "
        "lists all such files."
    )


def test_what_is_no_sound(second):
    second.write_bytes(b"a poem, not a sound, though it may sound well")
    assert text(MediaError, lambda: read_audio(second, rate_hz=8000)) == (
        "The file is not audio that kerastl reads.\n"
        f"  where:    {second}\n"
        "  expected: WAV, FLAC, OGG or MP3\n"
        "  received: Format not recognised\n"
        "  fix:      Convert it to one of these formats, or remove its row from the table."
    )


def test_a_segment_outside_of_the_audio_file(second):
    call = lambda: read_audio(second, (0.5, 1.5), rate_hz=8000)  # noqa: E731
    assert text(MediaError, call) == (
        "The segment is outside of the audio file.\n"
        f"  where:    {second}\n"
        "  expected: a part of 0 to 1.000 s\n"
        "  received: 0.5 s to 1.5 s\n"
        "  fix:      Correct start_seconds and end_seconds in the table; they are seconds of the "
        "file."
    )


def test_a_window_that_there_is_not(second):
    call = lambda: load_windows(second, rate_hz=8000, num_samples=9, window="end")  # noqa: E731
    assert text(ConfigError, call) == (
        "There is no such window.\n  expected: start, center, loudest, pool\n  received: 'end'"
    )


def test_a_cell_that_is_no_time():
    frame = pd.DataFrame({"start_seconds": ["0", "soon"], "end_seconds": ["1", "2"]})
    call = lambda: refuse_bad_cuts(read_cuts(frame, AUDIO, tasks=()), AUDIO, source="a.csv")  # noqa: E731
    assert text(TableError, call) == (
        "1 cell of start_seconds and end_seconds is not valid.\n"
        "  where:    a.csv: row 2, column start_seconds\n"
        "  expected: seconds, 0 or more, the end after the start; blank for the file's own\n"
        "  received: 'soon', which is not a number of 0 or more\n"
        "  fix:      Correct the cells, or rename the columns if they mean something else."
    )


def test_a_folder_without_noise(tmp_path):
    settings = NoiseConfig(files=(tmp_path,))
    assert text(MediaError, lambda: NoiseSource(settings.files, 8000)) == (
        "There are no audio files to take noise from.\n"
        f"  where:    {tmp_path}\n"
        "  expected: WAV, FLAC, OGG or MP3 files, or folders with such files\n"
        "  fix:      Correct augment.noise.files."
    )
