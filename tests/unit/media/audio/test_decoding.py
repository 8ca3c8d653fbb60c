"""The rule from an audio file to samples: any rate, any channels, only the needed part, windows."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from kerastl.errors import MediaError
from kerastl.media.audio.settings import AudioContract
from kerastl_runtime.audio import reading
from kerastl_runtime.audio.decoding import AudioDecoder, load_windows, read_audio
from kerastl_runtime.audio.windows import MAX_WINDOWS, read_windows
from kerastl_runtime.decoder import WHOLE, Cut
from kerastl_runtime.media_file import FileInMemory, LocalFile

FORMATS = [
    ("a.wav", 8000, 1),
    ("b.wav", 44100, 2),
    ("c.flac", 48000, 3),
    ("d.ogg", 22050, 1),
    ("e.mp3", 44100, 2),
]


def cut_windows(samples: np.ndarray, *, num_samples: int, rule: str) -> np.ndarray:
    return read_windows(
        lambda begin, end: samples[begin:end], len(samples), num_samples=num_samples, rule=rule
    )


def sweep(seconds: float, rate_hz: int) -> np.ndarray:
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    return 0.4 * np.sin(2 * np.pi * (300 + 200 * times) * times)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same 3 seconds in several formats, rates and channels."""
    folder = tmp_path_factory.mktemp("audio")
    for name, rate_hz, channels in FORMATS:
        samples = np.stack([sweep(3.0, rate_hz)] * channels, axis=1)
        soundfile.write(folder / name, samples, rate_hz)
    return folder


@pytest.mark.parametrize("name", [name for name, _, _ in FORMATS])
def test_every_format_rate_and_channel_becomes_the_same_sound(folder: Path, name: str) -> None:
    found = read_audio(folder / name, rate_hz=16000)
    expected = sweep(3.0, 16000)
    assert found.dtype == np.float32
    assert abs(len(found) - len(expected)) <= 1
    length = min(len(found), len(expected))
    # MP3 and Vorbis keep what is heard, not every value.
    limit = 0.05 if name.endswith(("mp3", "ogg")) else 0.002
    inside = slice(800, length - 800)
    np.testing.assert_allclose(found[inside], expected[inside], atol=limit)


def test_channels_are_mixed_down_by_their_mean(tmp_path: Path) -> None:
    left, right = np.full(100, 0.5), np.full(100, -0.25)
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], axis=1), 8000, subtype="FLOAT")
    np.testing.assert_allclose(read_audio(tmp_path / "a.wav", rate_hz=8000), 0.125)


def test_what_is_louder_than_full_scale_is_clipped(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.array([3.0, -2.0, 0.5]), 8000, subtype="FLOAT")
    np.testing.assert_array_equal(read_audio(tmp_path / "a.wav", rate_hz=8000), [1.0, -1.0, 0.5])


@pytest.mark.parametrize("name", [name for name, _, _ in FORMATS])
def test_a_part_has_the_values_that_it_has_in_the_whole(folder: Path, name: str) -> None:
    whole = read_audio(folder / name, rate_hz=16000)
    part = read_audio(folder / name, (1.1, 1.7003), rate_hz=16000)
    np.testing.assert_allclose(part, whole[17600:27205], atol=1e-5)


def test_far_into_an_mp3_the_values_are_those_of_the_whole_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read_audio(folder / "e.mp3", rate_hz=44100)
    monkeypatch.setattr(reading, "_MP3_JUMP", 1000)
    for start in (1.1, 1.37, 2.2):
        part = read_audio(folder / "e.mp3", (start, None), rate_hz=44100)
        np.testing.assert_allclose(part, whole[round(start * 44100) :], atol=1e-5)


def test_only_what_is_needed_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = []
    read = soundfile.SoundFile.read

    def noting(self, frames=-1, **more):
        lengths.append(frames)
        return read(self, frames, **more)

    monkeypatch.setattr(soundfile.SoundFile, "read", noting)
    load_windows(folder / "b.wav", rate_hz=16000, num_samples=1600, window="center")
    assert sum(lengths) < 0.25 * 44100


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("start", [1, 2, 3, 0, 0]), ("center", [0, 1, 2, 3, 0]), ("loudest", [0, 1, 2, 3, 0])],
)
def test_what_is_shorter_than_the_window_is_filled_with_silence(rule, expected) -> None:
    found = cut_windows(np.array([1.0, 2.0, 3.0]), num_samples=5, rule=rule)
    np.testing.assert_array_equal(found, [expected])


def test_what_is_longer_is_cut_at_the_start_or_to_the_center() -> None:
    samples = np.arange(10.0)
    np.testing.assert_array_equal(cut_windows(samples, num_samples=4, rule="start"), [[0, 1, 2, 3]])
    np.testing.assert_array_equal(
        cut_windows(samples, num_samples=4, rule="center"), [[3, 4, 5, 6]]
    )


def test_the_loudest_window_holds_the_loudest_stretch() -> None:
    samples = 0.01 * np.ones(5000)
    samples[3000:3500] = 0.5
    ((*window,),) = cut_windows(samples, num_samples=1000, rule="loudest")
    assert np.sum(np.array(window) == 0.5) == 500


def test_of_equally_loud_windows_the_first_is_taken() -> None:
    samples = np.zeros(5000)
    samples[[700, 4000]] = 0.5
    window = cut_windows(samples, num_samples=1000, rule="loudest")[0]
    assert window[700] == 0.5


@pytest.mark.parametrize("length", [4, 9, 10, 11, 40])
def test_pooled_windows_cover_all_of_the_sound(length: int) -> None:
    windows = cut_windows(np.arange(1.0, length + 1), num_samples=10, rule="pool")
    assert len(windows) == -(-length // 10)
    assert set(np.unique(windows)) - {0.0} == set(range(1, length + 1))


def test_of_a_very_long_sound_a_limited_number_of_windows_is_pooled() -> None:
    windows = cut_windows(np.arange(1000.0), num_samples=10, rule="pool")
    assert len(windows) == MAX_WINDOWS
    assert windows[0][0] == 0
    assert windows[-1][-1] == 999


@pytest.mark.parametrize("rule", ["start", "center", "loudest", "pool"])
@pytest.mark.parametrize("scanned", [2**20, 2000])
def test_windows_from_a_file_are_those_of_the_sound_in_memory(
    folder: Path, monkeypatch: pytest.MonkeyPatch, rule: str, scanned: int
) -> None:
    monkeypatch.setattr("kerastl_runtime.audio.windows.SCANNED", scanned)
    whole = read_audio(folder / "b.wav", rate_hz=8000)
    found = load_windows(folder / "b.wav", rate_hz=8000, num_samples=5000, window=rule)
    np.testing.assert_allclose(found, cut_windows(whole, num_samples=5000, rule=rule), atol=1e-5)


def test_a_segment_may_end_a_little_behind_the_sound_because_tables_round(folder: Path) -> None:
    found = read_audio(folder / "a.wav", (2.5, 3.05), rate_hz=8000)
    assert len(found) == 4000


@pytest.mark.parametrize(("start", "end"), [(3.0, None), (2.0, 3.2), (1.0, 1.0), (-1.0, 1.0)])
def test_a_segment_outside_of_the_sound_is_refused(folder: Path, start, end) -> None:
    with pytest.raises(MediaError, match="outside of the audio file"):
        read_audio(folder / "a.wav", (start, end), rate_hz=8000)


def test_a_cut_file_is_an_error_where_its_format_can_tell(folder: Path, tmp_path: Path) -> None:
    for name in ("a.wav", "c.flac"):
        data = (folder / name).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) // 2])
        with pytest.raises(MediaError, match="truncated or damaged"):
            read_audio(tmp_path / name, rate_hz=8000)


def test_samples_that_are_no_numbers_are_an_error(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.array([0.1, np.nan]), 8000, subtype="FLOAT")
    with pytest.raises(MediaError, match="truncated or damaged"):
        read_audio(tmp_path / "a.wav", rate_hz=8000)


@pytest.mark.parametrize("segment", [WHOLE, (1.1, 1.7003)])
@pytest.mark.parametrize("name", [name for name, _, _ in FORMATS])
def test_bytes_elsewhere_are_decoded_as_the_file_on_disk(
    folder: Path, name: str, segment: Cut
) -> None:
    contract = AudioContract(modality="audio", shape=(8000,), sample_rate_hz=16000)
    on_disk = AudioDecoder(contract).load(LocalFile(folder / name), segment)
    in_memory = FileInMemory("a cell", (folder / name).read_bytes())
    elsewhere = AudioDecoder(contract).load(in_memory, segment)
    np.testing.assert_array_equal(elsewhere.values, on_disk.values)
    assert elsewhere.digest == on_disk.digest


def test_an_error_of_bytes_elsewhere_names_their_address() -> None:
    with pytest.raises(MediaError, match=r"where: +a cell"):
        read_audio(FileInMemory("a cell", b"no audio"), rate_hz=8000)
    with pytest.raises(MediaError, match="The audio file is empty"):
        read_audio(FileInMemory("a cell", b""), rate_hz=8000)
