"""The backbone `tiny:image`: facts, sizes, weights, and what its features are worth."""

from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kerastl.backbones import ImageInput, UnknownBackboneError, WeightsError, find_backbone
from kerastl_tiny import IMAGE
from kerastl_tiny.weights import PUBLISHED, save_weights

DIGITS_AUC, TOLERANCE = 0.982, 0.005


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return IMAGE.build(weights=IMAGE.default_weights, input=IMAGE.input)


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)


def test_the_installed_family_offers_it() -> None:
    assert find_backbone("tiny:image") == IMAGE


def test_another_name_is_unknown_and_the_nearest_is_suggested() -> None:
    with pytest.raises(UnknownBackboneError, match=r"Did you mean 'tiny:image'\?"):
        find_backbone("tiny:imag")


def test_its_stated_facts_are_those_of_the_network(network: keras.Model) -> None:
    assert network.count_params() == IMAGE.num_params < 600_000
    assert network.output_shape == (None, IMAGE.feature_dim)


def test_its_stages_name_every_layer_once_from_input_to_output(network: keras.Model) -> None:
    stages = IMAGE.stages(network)
    assert [stage.name for stage in stages] == ["stem", "fine", "middle", "coarse"]
    named = [name for stage in stages for name in stage.layers]
    assert sorted(named) == sorted(layer.name for layer in network.layers)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (96, 144)])
def test_it_takes_other_sizes(height: int, width: int) -> None:
    network = IMAGE.build(
        weights=IMAGE.default_weights, input=ImageInput(height=height, width=width)
    )
    features = network.predict(np.zeros((1, height, width, 3), np.float32), verbose=0)
    assert features.shape == (1, IMAGE.feature_dim)
    assert np.isfinite(features).all()


def test_images_that_are_too_small_are_refused() -> None:
    with pytest.raises(WeightsError) as error:
        IMAGE.build(weights=None, input=ImageInput(height=31, width=64))
    assert str(error.value) == (
        "The backbone 'tiny:image' cannot take images this small.\n"
        "  expected: both sides at least 32 pixels\n"
        "  received: 31 by 64\n"
        "  fix:      Set backbone.input_size."
    )


def test_its_weights_are_small_and_half_precision() -> None:
    path = PUBLISHED["tiny:image"]["synthetic-scenes-v1"]
    assert path.stat().st_size < 2_000_000
    with np.load(path) as arrays:
        assert {arrays[name].dtype.name for name in arrays} == {"float16"}


@pytest.mark.parametrize("name", ["own.npz", "own.weights.h5"])
def test_a_file_of_weights_gives_the_network_that_wrote_it(
    name: str, network: keras.Model, noise: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / name
    save_weights(network, path) if path.suffix == ".npz" else network.save_weights(path)
    again = IMAGE.build(weights=str(path), input=IMAGE.input)
    expected = network.predict(noise, verbose=0)
    np.testing.assert_allclose(again.predict(noise, verbose=0), expected, rtol=1e-5, atol=1e-5)


def test_random_weights_give_other_features_that_vary(
    network: keras.Model, noise: np.ndarray
) -> None:
    random = IMAGE.build(weights=None, input=IMAGE.input).predict(noise, verbose=0)
    assert np.abs(random - network.predict(noise, verbose=0)).max() > 0.1
    assert np.abs(random[0] - random[1]).max() > 1e-3


def test_a_missing_file_is_named_with_what_is_expected() -> None:
    with pytest.raises(WeightsError) as error:
        IMAGE.build(weights="synthetic-scene-v1", input=IMAGE.input)
    assert str(error.value) == (
        "The weights of the backbone 'tiny:image' cannot be found.\n"
        "  expected: a published name (synthetic-scenes-v1), a file, or null for random weights\n"
        "  received: synthetic-scene-v1\n"
        "  fix:      Set backbone.weights."
    )


@pytest.mark.parametrize("name", ["other.npz", "other.weights.h5"])
def test_a_file_of_another_network_is_refused(name: str, tmp_path: Path) -> None:
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    path = tmp_path / name
    save_weights(other, path) if path.suffix == ".npz" else other.save_weights(path)
    with pytest.raises(WeightsError, match=r"The weights do not fit the backbone 'tiny:image'\."):
        IMAGE.build(weights=str(path), input=IMAGE.input)


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.npz"
    path.write_bytes(b"not an archive")
    with pytest.raises(WeightsError, match="do not fit"):
        IMAGE.build(weights=str(path), input=IMAGE.input)


def test_its_features_reproduce_the_stated_score_on_digits(network: keras.Model) -> None:
    digits = load_digits()
    images = np.repeat(np.repeat(digits.images, 8, axis=1), 8, axis=2) * (255.0 / 16.0)
    images = np.repeat(images[..., None], 3, axis=3).astype(np.float32)
    features = network.predict(images, batch_size=200, verbose=0)
    scores = []
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(features))
        known, rest = order[:100], order[100:]
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
        probe.fit(features[known], digits.target[known])
        predicted = probe.predict_proba(features[rest])
        scores.append(roc_auc_score(digits.target[rest], predicted, multi_class="ovr"))
    assert np.mean(scores) == pytest.approx(DIGITS_AUC, abs=TOLERANCE)
