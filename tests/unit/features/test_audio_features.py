"""Features of audio: averaged over windows, and cached by segment."""

from pathlib import Path

import keras
import numpy as np
import pytest
import soundfile

from kerastl.backbones import LogMel
from kerastl.data.inputs.streams import FileInputs
from kerastl.features.engines import openvino_engine
from kerastl.features.extraction import Extraction
from kerastl.features.source import FeatureSource
from kerastl.media.audio.kind import AUDIO
from kerastl.media.audio.settings import AudioContract
from kerastl.media.cuts import Cuts

RATE_HZ = 4000
SECONDS = (0.5, 1.0, 2.5, 3.0)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    raw = keras.Input((RATE_HZ,))
    mel = LogMel(sample_rate_hz=RATE_HZ, num_bands=16, hop_seconds=0.05)(raw)
    x = keras.layers.Conv1D(6, 3, activation="tanh")(mel)
    return keras.Model(raw, keras.layers.GlobalAveragePooling1D()(x))


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("audio")
    random = np.random.default_rng(0)
    paths = [folder / f"{number}.wav" for number in range(len(SECONDS))]
    for path, seconds in zip(paths, SECONDS, strict=True):
        soundfile.write(path, random.uniform(-0.5, 0.5, round(seconds * RATE_HZ)), RATE_HZ)
    return paths


def extract(network, paths, cache=None, *, window="pool", engine="keras", **more) -> Extraction:
    contract = AudioContract(shape=(RATE_HZ,), window=window, sample_rate_hz=RATE_HZ)
    source = FeatureSource(cache=cache, engine=engine)
    return source.extract(network, FileInputs(paths, contract, **more))


def test_the_features_of_a_pooled_clip_are_the_mean_over_its_windows(network, paths) -> None:
    found = extract(network, paths).values
    samples, _ = soundfile.read(paths[2], dtype="float32")
    windows = np.stack([samples[start : start + RATE_HZ] for start in (0, 3000, 6000)])
    expected = np.asarray(network(windows)).mean(axis=0)
    np.testing.assert_allclose(found[2], expected, atol=1e-5)


def test_pooled_features_come_from_the_cache_the_second_time(network, paths, tmp_path) -> None:
    first = extract(network, paths, tmp_path)
    again = extract(network, paths, tmp_path)
    assert again.facts.scores.computed == 0
    np.testing.assert_array_equal(again.values, first.values)


def test_another_window_is_another_entry_of_the_cache(network, paths, tmp_path) -> None:
    extract(network, paths, tmp_path)
    other = extract(network, paths, tmp_path, window="start")
    assert other.facts.scores.computed == len(paths)


def test_each_segment_has_features_of_its_own_in_the_cache(network, paths, tmp_path) -> None:
    first = Cuts(
        columns=AUDIO.cut_columns, values=np.array([[0.0, 1.0], [1.0, 2.0], [np.nan, np.nan]])
    )
    found = extract(network, [paths[3]] * 3, tmp_path, window="center", cuts=first)
    assert np.abs(found.values[0] - found.values[1]).max() > 1e-4
    second = Cuts(
        columns=AUDIO.cut_columns, values=np.array([[1.0, 2.0], [0.5, 1.5], [np.nan, np.nan]])
    )
    again = extract(network, [paths[3]] * 3, tmp_path, window="center", cuts=second)
    assert again.facts.scores.computed == 1
    np.testing.assert_array_equal(again.values[0], found.values[1])
    np.testing.assert_array_equal(again.values[2], found.values[2])


@pytest.mark.skipif(
    not openvino_engine.is_installed(), reason="OpenVINO isn't installed: kerastl[fast]"
)
def test_openvino_runs_the_front_end_and_agrees(network, paths) -> None:
    found = extract(network, paths, engine="openvino")
    assert found.facts.scores.engine == "openvino float32"
    np.testing.assert_allclose(found.values, extract(network, paths).values, atol=1e-3)
