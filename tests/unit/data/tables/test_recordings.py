"""Long recordings: the table of events, and sounds in blocks from files and pipes."""

import io
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kerastl.data.tables.recordings import Event, about_other_words, load_recordings
from kerastl.errors import KerastlError, MediaError
from kerastl.media.audio.blocks import audio_seconds, file_blocks, pipe_blocks
from kerastl_runtime.audio.decoding import read_audio

SECONDS = 3


def noise(rate_hz: int, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.7, 0.7, (SECONDS * rate_hz, channels))


def write_table(folder: Path, *rows: str) -> Path:
    (folder / "events.csv").write_text("\n".join(["path,word,start_seconds,end_seconds", *rows]))
    return folder / "events.csv"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.wav", "b.wav"):
        soundfile.write(tmp_path / name, noise(8000), 8000)
    return tmp_path


def piped(data: bytes) -> io.BufferedReader:
    """A stream that gives what it has in small parts and can't be rewound, as a pipe."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.rest = data

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: memoryview) -> int:
            count = min(len(buffer), 1001, len(self.rest))
            buffer[:count], self.rest = self.rest[:count], self.rest[count:]
            return count

    return io.BufferedReader(Pipe(), 1001)


def test_the_speaker_of_a_recording_is_known_if_its_column_names_one(folder: Path) -> None:
    (folder / "events.csv").write_text(
        "path,word,start_seconds,end_seconds,speaker\na.wav,one,0,1,anna\nb.wav,,,,\n"
    )
    found = load_recordings(folder / "events.csv", ["one"])
    assert [item.speaker for item in found.items] == ["anna", None]
    assert found.speakers == ("anna",)
    without = load_recordings(write_table(folder, "a.wav,,,"), ["one"])
    assert without.items[0].speaker is None


def test_events_are_sorted_by_time_and_a_blank_word_is_a_recording_without_events(
    folder: Path,
) -> None:
    table = write_table(folder, "a.wav,two,2,2.5", "b.wav,,,", "a.wav,two,0.5,1", "a.wav,one,1,2")
    found = load_recordings(table, ["one", "two", "three"])
    assert [item.file.name for item in found.items] == ["a.wav", "b.wav"]
    two = (Event(start_seconds=0.5, end_seconds=1.0), Event(start_seconds=2.0, end_seconds=2.5))
    assert found.items[0].events["two"] == two
    assert found.items[0].events["three"] == ()
    assert sum(map(len, found.items[1].events.values())) == 0
    assert found.hours == pytest.approx(2 * SECONDS / 3600)
    assert found.num_events() == 3


def test_words_that_the_run_does_not_know_are_counted_and_named(folder: Path) -> None:
    table = write_table(folder, "a.wav,sevn,1,2", "a.wav,two,1,2", "b.wav,sevn,1,2")
    found = load_recordings(table, ["seven", "two"])
    assert found.num_events() == 1
    assert about_other_words(found, ["seven", "two"]) == (
        "The recordings contain words without a task in the run: 'sevn' (2). Did you mean 'seven'?"
    )
    assert about_other_words(load_recordings(table, ["sevn", "two"]), ["sevn", "two"]) is None


def test_rows_that_make_no_sense_are_refused_at_once(folder: Path) -> None:
    table = write_table(
        folder,
        "a.wav,two,2,1",
        ",two,1,2",
        "a.wav,two,one,2",
        "a.wav,,1,",
        "a.wav,two,-1,2",
        "a.wav,two,1,",
    )
    with pytest.raises(KerastlError) as raised:
        load_recordings(table, ["two"])
    assert str(raised.value) == (
        "The table of recordings has 6 problems.\n"
        "  - row 1: it ends at 1 s, but starts at 2 s\n"
        "  - row 2: path is blank\n"
        "  - row 3: start_seconds: expected seconds, 0 or more, received 'one'\n"
        "  - row 4: start_seconds is given, but word is blank\n"
        "  - row 5: start_seconds: expected seconds, 0 or more, received '-1'\n"
        "  - and 1 more\n"
        f"  where:    {table}\n"
        "  expected: one row per event with path, word, start_seconds and end_seconds; a recording "
        "without events has one row whose word and seconds are blank"
    )


def test_an_event_beyond_the_end_is_refused(folder: Path) -> None:
    with pytest.raises(KerastlError, match=r"'two' ends at 3\.5 s, the recording at 3\.00 s"):
        load_recordings(write_table(folder, "a.wav,two,2,3.5"), ["two"])


def test_a_table_without_a_column_is_refused(folder: Path) -> None:
    (folder / "events.csv").write_text("path,word\na.wav,two")
    with pytest.raises(KerastlError, match="lacks the columns 'start_seconds', 'end_seconds'"):
        load_recordings(folder / "events.csv", ["two"])


def test_a_missing_recording_is_named(folder: Path) -> None:
    with pytest.raises(MediaError, match=r"c\.wav"):
        load_recordings(write_table(folder, "c.wav,,,"), ["two"])


@pytest.mark.parametrize("rate_hz", [8000, 22050, 44100, 16000])
@pytest.mark.parametrize("block_seconds", [0.017, 0.5, 10.0])
def test_blocks_of_a_file_are_the_file_as_it_is_read_whole(
    tmp_path: Path, rate_hz: int, block_seconds: float
) -> None:
    path = tmp_path / "sound.flac"
    soundfile.write(path, noise(rate_hz, channels=2), rate_hz)
    blocks = list(file_blocks(path, rate_hz=16000, block_seconds=block_seconds))
    whole = read_audio(path, rate_hz=16000)
    found = np.concatenate(blocks)
    assert abs(len(found) - len(whole)) <= 1
    length = min(len(found), len(whole))
    np.testing.assert_allclose(found[:length], whole[:length], atol=1e-5)
    assert max(map(len, blocks)) <= max(2, block_seconds + 0.1) * 16000
    assert audio_seconds(path) == pytest.approx(SECONDS)


@pytest.mark.parametrize(("width", "subtype"), [(1, "PCM_U8"), (2, "PCM_16"), (3, "PCM_24")])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_wav_through_a_pipe_is_the_wav_in_a_file(
    tmp_path: Path, width: int, subtype: str, channels: int
) -> None:
    path = tmp_path / "sound.wav"
    soundfile.write(path, noise(8000, channels), 8000, subtype=subtype)
    expected = np.concatenate(list(file_blocks(path, rate_hz=16000)))
    found = np.concatenate(list(pipe_blocks(piped(path.read_bytes()), rate_hz=16000)))
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("announced", [0, 2**31 - 1, 2**32 - 1])
def test_a_wav_whose_header_leaves_the_length_open_is_read_to_its_end(announced: int) -> None:
    samples = (noise(16000)[:, 0] * 2**15).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, 16000, 0, "NONE", ""))
        writer.writeframes(samples.tobytes())
    data = bytearray(file.getvalue())
    data[40:44] = announced.to_bytes(4, "little")
    found = np.concatenate(list(pipe_blocks(piped(bytes(data)), rate_hz=16000)))
    np.testing.assert_allclose(found, samples / 2**15, atol=1e-7)


def test_what_follows_the_samples_of_a_wav_is_no_sound(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", noise(16000), 16000)
    data = (tmp_path / "a.wav").read_bytes() + b"LIST\x04\x00\x00\x00abcd"
    found = np.concatenate(list(pipe_blocks(piped(data), rate_hz=16000)))
    assert len(found) == SECONDS * 16000


def test_bare_samples_are_16_bit_and_an_odd_byte_at_the_end_is_dropped() -> None:
    samples = (noise(16000)[:, 0] * 2**15).astype("<i2")
    data = samples.tobytes() + b"\x01"
    found = np.concatenate(list(pipe_blocks(piped(data), rate_hz=16000, source_hz=16000)))
    np.testing.assert_allclose(found, samples / 2**15, atol=1e-7)


@pytest.mark.parametrize("data", [b"", b"fLaC" + bytes(100)])
def test_a_pipe_without_a_wav_header_is_refused(data: bytes) -> None:
    with pytest.raises(MediaError, match="is not a WAV stream"):
        list(pipe_blocks(piped(data), rate_hz=16000))
