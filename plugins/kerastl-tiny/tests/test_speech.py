"""The backbone `tiny:speech`: facts, sizes and weights."""

from pathlib import Path

import keras
import numpy as np
import pytest

from kerastl.backbones import AudioInput, WeightsError, find_backbone
from kerastl_tiny import SPEECH
from kerastl_tiny.weights import PUBLISHED, save_weights

RATE_HZ = 16_000


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return SPEECH.build(weights=SPEECH.default_weights, input=SPEECH.input)


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, (2, RATE_HZ)).astype(np.float32)


def test_the_installed_family_offers_it() -> None:
    assert find_backbone("tiny:speech") == SPEECH


def test_its_stated_facts_are_those_of_the_network(network: keras.Model) -> None:
    assert network.count_params() == SPEECH.num_params < 600_000
    assert network.output_shape == (None, SPEECH.feature_dim)


def test_its_stages_name_every_layer_once_from_input_to_output(network: keras.Model) -> None:
    stages = SPEECH.stages(network)
    assert [stage.name for stage in stages] == ["front", "sound", "syllable", "word"]
    named = [name for stage in stages for name in stage.layers]
    assert sorted(named) == sorted(layer.name for layer in network.layers)


def test_its_weights_are_small_and_half_precision() -> None:
    path = PUBLISHED["tiny:speech"]["synthetic-speech-v1"]
    assert path.stat().st_size < 2_000_000
    with np.load(path) as arrays:
        assert {arrays[name].dtype.name for name in arrays} == {"float16"}


@pytest.mark.parametrize("num_samples", [4_000, 24_000])
def test_it_takes_other_windows(num_samples: int) -> None:
    window = AudioInput(sample_rate_hz=RATE_HZ, num_samples=num_samples, min_samples=4_000)
    network = SPEECH.build(weights=SPEECH.default_weights, input=window)
    features = network.predict(np.zeros((1, num_samples), np.float32), verbose=0)
    assert features.shape == (1, SPEECH.feature_dim)
    assert np.isfinite(features).all()


@pytest.mark.parametrize(("rate_hz", "num_samples"), [(8_000, 16_000), (16_000, 3_999)])
def test_audio_of_another_rate_or_too_short_are_refused(rate_hz: int, num_samples: int) -> None:
    window = AudioInput(sample_rate_hz=rate_hz, num_samples=num_samples, min_samples=4_000)
    with pytest.raises(WeightsError) as error:
        SPEECH.build(weights=None, input=window)
    assert str(error.value) == (
        "The backbone 'tiny:speech' cannot take audio like this.\n"
        "  expected: 16000 samples per second, at least 4000 of them\n"
        f"  received: {num_samples} samples at {rate_hz} per second\n"
        "  fix:      Set backbone.input_size."
    )


def test_the_level_of_audio_changes_next_to_nothing(network: keras.Model) -> None:
    time = np.arange(RATE_HZ) / RATE_HZ
    loud = 0.5 * np.sin(2 * np.pi * 300 * time) + np.random.default_rng(0).normal(0, 0.05, RATE_HZ)
    clips = np.stack([loud, 0.3 * loud]).astype(np.float32)
    features = network.predict(clips, verbose=0)
    np.testing.assert_allclose(features[0], features[1], atol=0.02 * np.abs(features).max())


def test_a_file_of_weights_gives_the_network_that_wrote_it(
    network: keras.Model, noise: np.ndarray, tmp_path: Path
) -> None:
    save_weights(network, tmp_path / "own.npz")
    again = SPEECH.build(weights=str(tmp_path / "own.npz"), input=SPEECH.input)
    expected = network.predict(noise, verbose=0)
    np.testing.assert_allclose(again.predict(noise, verbose=0), expected, rtol=1e-5, atol=1e-5)


def test_random_weights_give_other_features_that_vary(
    network: keras.Model, noise: np.ndarray
) -> None:
    random = SPEECH.build(weights=None, input=SPEECH.input).predict(noise, verbose=0)
    assert np.abs(random - network.predict(noise, verbose=0)).max() > 0.1
    assert np.abs(random[0] - random[1]).max() > 1e-3


def test_published_weights_of_the_other_backbone_are_no_name_of_this_one() -> None:
    with pytest.raises(WeightsError) as error:
        SPEECH.build(weights="synthetic-scenes-v1", input=SPEECH.input)
    assert str(error.value) == (
        "The weights of the backbone 'tiny:speech' cannot be found.\n"
        "  expected: a published name (synthetic-speech-v1), a file, or null for random weights\n"
        "  received: synthetic-scenes-v1\n"
        "  fix:      Set backbone.weights."
    )


def test_a_file_of_the_other_backbone_is_refused() -> None:
    path = PUBLISHED["tiny:image"]["synthetic-scenes-v1"]
    with pytest.raises(WeightsError, match=r"The weights do not fit the backbone 'tiny:speech'\."):
        SPEECH.build(weights=str(path), input=SPEECH.input)
