"""Audio as inputs: windows, segments of recordings, keys that tell them apart."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from kerastl.data.inputs.streams import FileInputs
from kerastl.media.audio.kind import AUDIO
from kerastl.media.audio.settings import AudioContract
from kerastl.media.cuts import Cuts

RATE_HZ = 8000
SECONDS = (0.5, 1.0, 2.5)

COLUMNS = AUDIO.cut_columns


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("audio")
    random = np.random.default_rng(0)
    paths = [folder / f"{number}.wav" for number in range(len(SECONDS))]
    for path, seconds in zip(paths, SECONDS, strict=True):
        soundfile.write(path, random.uniform(-0.5, 0.5, round(seconds * RATE_HZ)), RATE_HZ)
    return paths


def contract(window: str = "center") -> AudioContract:
    return AudioContract(shape=(RATE_HZ,), window=window, sample_rate_hz=RATE_HZ)


def load(inputs: FileInputs):
    return list(inputs.stream(np.arange(len(inputs)), part_size=2))


def test_each_audio_becomes_one_window(paths: list[Path]) -> None:
    inputs = FileInputs(paths, contract())
    values = inputs.take(np.array([2, 0]))
    assert values.shape == (2, RATE_HZ)
    assert values.dtype == np.float32
    whole, _ = soundfile.read(paths[2], dtype="float32")
    np.testing.assert_array_equal(values[0], whole[6000:14000])


def test_pooled_audio_have_as_many_inputs_as_windows(paths: list[Path]) -> None:
    parts = load(FileInputs(paths, contract("pool")))
    assert [count for part in parts for count in part.counts] == [1, 1, 3]
    assert parts[1].values.shape == (3, RATE_HZ)
    assert parts[1].representatives.shape == (1, RATE_HZ)


def test_decoding_all_changes_nothing_but_when(paths: list[Path]) -> None:
    inputs = FileInputs(paths, contract("pool"))
    before, taken = load(inputs), inputs.take(np.arange(3))
    inputs.decode_all()
    for early, late in zip(before, load(inputs), strict=True):
        np.testing.assert_array_equal(early.values, late.values)
        np.testing.assert_array_equal(early.counts, late.counts)
    np.testing.assert_array_equal(inputs.take(np.arange(3)), taken)


def test_what_is_drawn_is_a_window_of_the_audio_by_seed_and_index(paths: list[Path]) -> None:
    inputs = FileInputs(paths, contract("pool"))
    windows = load(inputs)[1].values
    inputs.decode_all()
    drawn = {inputs.draw(np.array([2]), seed=(0, epoch))[0].tobytes() for epoch in range(20)}
    assert drawn == {window.tobytes() for window in windows}
    alone, beside = inputs.draw(np.array([2]), seed=(0, 7)), inputs.draw([0, 2], seed=(0, 7))
    np.testing.assert_array_equal(alone[0], beside[1])


def test_the_key_of_an_example_depends_on_its_file_and_its_segment(paths: list[Path]) -> None:
    values = [(0.0, 1.0), (1.0, 2.0), (0.0, 1.0), ()]
    inputs = FileInputs([paths[2]] * 4, contract(), cuts=Cuts.gather(values, COLUMNS))
    parts = load(inputs)
    keys = [key for part in parts for key in part.keys]
    digests = [digest for part in parts for digest in part.digests]
    assert keys[0] == keys[2]
    assert len(set(keys)) == 3
    assert set(digests) == {keys[3]}
    assert inputs.keys_of(digests) == keys


def test_the_rule_depends_on_the_window_and_the_rate(paths: list[Path]) -> None:
    rules = [FileInputs(paths, contract(window)).rule for window in ("center", "pool")]
    assert rules[0] != rules[1]
    other = contract().model_copy(update={"sample_rate_hz": 16000})
    assert FileInputs(paths, other).rule != rules[0]


def test_an_unreadable_audio_is_collected_and_silent(paths: list[Path], tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"not audio")
    inputs = FileInputs([paths[0], tmp_path / "bad.wav"], contract("pool"), on_error="collect")
    (part,) = load(inputs)
    assert inputs.errors == {1: "The file is not audio that kerastl reads."}
    assert part.keys[1] is None
    assert not part.values[1].any()
