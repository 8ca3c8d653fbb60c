"""The family: light to ask, right in its facts, and true to kerastl's contract when built."""

import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerastl.backbones import (
    AudioInput,
    BackboneError,
    Family,
    ImageInput,
    UnknownBackboneError,
    WeightsError,
    find_backbone,
    list_backbones,
)
from kerastl.errors import ModelError
from kerastl.heads.builder import build_model
from kerastl_tfhub import family
from kerastl_tfhub.catalogue import CATALOGUE

SMALL = ImageInput(height=8, width=8)
AUDIO = AudioInput(sample_rate_hz=16000, num_samples=400)


def test_asking_for_names_and_facts_loads_no_framework() -> None:
    code = (
        "import sys, kerastl_tfhub\n"
        "family = kerastl_tfhub.family\n"
        "[family.spec(name) for name in family.names()]\n"
        "family.spec('https://tfhub.dev/some/module/1')\n"
        "heavy = {'tensorflow', 'keras', 'numpy', 'pandas', 'kagglehub', 'urllib.request'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_family_is_registered_and_lists_images_and_audio() -> None:
    assert isinstance(family, Family)
    assert "tfhub:mobilenet_v2_100_224" in list_backbones(modality="image", family="tfhub")
    assert "tfhub:yamnet" in list_backbones(modality="audio", family="tfhub")


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_name_has_a_licence_a_paper_and_an_address(name: str) -> None:
    spec = find_backbone(f"tfhub:{name}")
    assert spec.license == "Apache-2.0"
    assert spec.reference.startswith(("https://arxiv.org/abs/", "https://doi.org/"))
    assert spec.facts["handle"].startswith(("google/", "tensorflow/"))
    assert spec.feature_dim > 0
    assert spec.input.shape[-1] in (3, spec.input.shape[0])


def test_the_catalogue_is_sorted_and_no_address_appears_twice() -> None:
    assert list(CATALOGUE) == sorted(CATALOGUE)
    assert len({entry.handle for entry in CATALOGUE.values()}) == len(CATALOGUE)


def test_an_unknown_handle_has_no_facts_until_it_is_built(conv_net: str) -> None:
    spec = find_backbone(f"tfhub:{conv_net}")
    assert (spec.input, spec.feature_dim, spec.num_params, spec.modality) == (None,) * 4
    assert spec.build(weights="module", input=SMALL).output_shape == (None, 6)


def test_a_url_is_accepted_without_asking_the_network() -> None:
    assert find_backbone("tfhub:https://tfhub.dev/some/module/1").input is None


def test_a_typo_suggests_a_name() -> None:
    with pytest.raises(UnknownBackboneError, match="Did you mean 'yamnet'"):
        find_backbone("tfhub:yamnett")


@pytest.mark.parametrize(
    ("options", "scaled"),
    [
        ({}, lambda raw: raw / 255),
        ({"input_range": [-1, 1]}, lambda raw: raw / 127.5 - 1),
        ({"input_range": [0, 255]}, lambda raw: raw),
    ],
)
def test_raw_images_are_scaled_once_to_the_module_s_range(
    conv_net: str, options: dict, scaled: object
) -> None:
    raw = np.random.default_rng(0).uniform(0, 255, (4, 8, 8, 3)).astype("float32")
    network = find_backbone(f"tfhub:{conv_net}").build(weights="module", input=SMALL, **options)
    expected = tf.saved_model.load(conv_net)(scaled(raw), training=False)
    np.testing.assert_allclose(network.predict(raw, verbose=0), expected, rtol=1e-4, atol=1e-4)


def test_audio_of_either_form_become_one_vector(unbatched: str, framewise: str) -> None:
    spec = find_backbone(f"tfhub:{unbatched}")
    assert spec.build(weights="module", input=AUDIO, output=1).output_shape == (None, 4)
    spec = find_backbone(f"tfhub:{framewise}")
    assert spec.build(weights="module", input=AUDIO).output_shape == (None, 5)


def test_a_module_has_no_stages_so_its_last_ones_cannot_be_trained(conv_net: str) -> None:
    with pytest.raises(ModelError) as caught:
        build_model(
            f"tfhub:{conv_net}", ["a"], input_size=8, trainable={"stages": 1}, weights="module"
        )
    assert (
        str(caught.value)
        == """The backbone 'backbone' cannot unfreeze 1 stages.
  expected: a backbone that has stages
  received: 1
  fix:      Set trainable to true to train the whole backbone."""
    )


def test_variables_have_paths_that_patterns_can_select(conv_net: str) -> None:
    spec = find_backbone(f"tfhub:{conv_net}")
    network = spec.build(weights="module", input=SMALL)
    assert network.get_layer("module").weights[0].path == "module/conv/kernel"


def test_weights_come_with_the_module_or_from_a_file(conv_net: str, tmp_path) -> None:
    spec = find_backbone(f"tfhub:{conv_net}")
    network = spec.build(weights="module", input=SMALL)
    network.get_layer("module").weights[0].assign(np.zeros((3, 3, 3, 6)))
    network.save_weights(tmp_path / "own.weights.h5")
    again = spec.build(weights=str(tmp_path / "own.weights.h5"), input=SMALL)
    assert not again.get_layer("module").weights[0].numpy().any()
    for weights in (None, "imagenet"):
        with pytest.raises(WeightsError, match=r"module, or the path of a \.weights\.h5"):
            spec.build(weights=weights, input=SMALL)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (ImageInput(height=9, width=8), "images of 9 × 8 pixels"),
        (AUDIO, "audio of 400 samples"),
    ],
)
def test_building_checks_the_input_against_the_signature(
    conv_net: str, asked: object, message: str
) -> None:
    with pytest.raises(BackboneError, match=message):
        find_backbone(f"tfhub:{conv_net}").build(weights="module", input=asked)


def test_without_a_config_the_signature_says_what_goes_in(conv_net: str, framewise: str) -> None:
    assert find_backbone(f"tfhub:{conv_net}").build(weights="module").input_shape[1:] == (8, 8, 3)
    spec = find_backbone(f"tfhub:{framewise}")
    assert spec.build(weights="module").input_shape == (None, 16000)
    assert spec.build(weights="module", num_samples=400).input_shape == (None, 400)


def test_no_feature_vector_is_an_error_that_names_the_options(unbatched: str) -> None:
    spec = find_backbone(f"tfhub:{unbatched}")
    with pytest.raises(BackboneError, match=r"several outputs(.|\n)*option 'output'"):
        spec.build(weights="module", input=AUDIO)


def several_outputs(make: Callable[..., str], *, names: tuple[str, ...] | None) -> str:
    """Saves a module that takes one clip and returns scores, embedding and spectrogram."""
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None])])
    def call(clip: tf.Tensor) -> Any:
        frames = tf.signal.frame(clip, 100, 50)
        rows = [frames[:, :7], tf.tile(frames, [1, 11])[:, :1024], frames[:, :64]]
        return tuple(rows) if names is None else dict(zip(names, rows, strict=True))

    module.__call__ = call
    return make(module)


@pytest.mark.parametrize("names", [None, ("label", "embedding", "spectrogram")])
def test_a_module_like_yamnet_chooses_its_embedding_and_says_so(
    names: tuple[str, ...] | None, make: Callable[..., str], tmp_path: Path
) -> None:
    spec = find_backbone(f"tfhub:{several_outputs(make, names=names)}")
    chosen = 1 if names is None else "embedding"
    with pytest.warns(UserWarning, match=f"of 3 outputs, {chosen!r} is used, the embedding of"):
        network = spec.build(weights="module", input=AUDIO)
    assert network.output_shape == (None, 1024)
    raw = np.random.default_rng(0).uniform(-1, 1, (2, 400)).astype("float32")
    reference = spec.reference_features(network)
    np.testing.assert_allclose(network.predict(raw, verbose=0), reference(raw), atol=1e-6)
    network.save(tmp_path / "network.keras")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert keras.models.load_model(tmp_path / "network.keras").output_shape == (None, 1024)


def test_a_chosen_output_of_a_module_like_yamnet_stays(make: Callable[..., str]) -> None:
    folder = several_outputs(make, names=None)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        network = find_backbone(f"tfhub:{folder}").build(weights="module", input=AUDIO, output=0)
    assert network.output_shape == (None, 7)


def test_a_built_network_saves_and_loads_under_safe_mode(conv_net: str, tmp_path) -> None:
    network = find_backbone(f"tfhub:{conv_net}").build(weights="module", input=SMALL)
    network.save(tmp_path / "network.keras")
    raw = np.random.default_rng(0).uniform(0, 255, (4, 8, 8, 3)).astype("float32")
    reloaded = keras.models.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(reloaded.predict(raw), network.predict(raw))
