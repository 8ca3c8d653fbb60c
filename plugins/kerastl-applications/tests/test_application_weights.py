"""Weights in every form that Keras wrote, and what is no weights of the network."""

import functools
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from kerastl.backbones import ImageInput, WeightsError, find_backbone

SMALL = ImageInput(height=32, width=32)
GET_FILE = "keras.src.utils.file_utils.get_file"


def randomized(network: keras.Model) -> keras.Model:
    """Gives every weight a value of its own, BatchNorm's statistics too."""
    random = np.random.default_rng(0)
    network.set_weights([random.uniform(0.5, 1.0, weight.shape) for weight in network.weights])
    return network


@functools.cache
def mobilenet(*, include_top: bool) -> keras.Model:
    return randomized(
        keras.applications.MobileNet(
            alpha=0.25, input_shape=(32, 32, 3), weights=None, classes=7, include_top=include_top
        )
    )


def build(weights: object, *, name: str = "mobilenet", **options: object) -> keras.Model:
    spec = find_backbone(f"applications:{name}")
    return spec.build(weights=str(weights), input=SMALL, **options)


def assert_holds(network: keras.Model, source: keras.Model) -> None:
    expected = source.get_weights()[: len(network.weights)]
    for variable, value in zip(network.weights, expected, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable.value), value)


def save_weights(source: keras.Model, path: Path) -> None:
    (source.save_weights if path.name.endswith(".weights.h5") else source.save)(path)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("include_top", [False, True], ids=["no top", "with top"])
@pytest.mark.parametrize("name", ["a.weights.h5", "a.keras", "a.h5"])
def test_every_form_of_a_file_gives_all_weights(tmp_path, name, include_top):
    source = mobilenet(include_top=include_top)
    save_weights(source, tmp_path / name)
    assert_holds(build(tmp_path / name, alpha=0.25), source)


def test_an_old_file_with_other_numbers_in_its_names_is_read_in_order(tmp_path):
    raw = keras.Input((32, 32, 3))
    source = mobilenet(include_top=True)

    def renamed(layer: keras.layers.Layer) -> keras.layers.Layer:
        return layer.__class__.from_config({**layer.get_config(), "name": f"old_{layer.name}"})

    old = keras.models.clone_model(source, input_tensors=raw, clone_function=renamed)
    old.set_weights(source.get_weights())
    old.save(tmp_path / "old.h5")
    assert_holds(build(tmp_path / "old.h5", alpha=0.25), source)


def test_a_whole_backbone_of_ours_is_a_file_too(tmp_path):
    source = randomized(build_random("mobilenet"))
    source.save(tmp_path / "ours.keras")
    assert_holds(build(tmp_path / "ours.keras"), source)


def build_random(name: str) -> keras.Model:
    return find_backbone(f"applications:{name}").build(weights=None, input=SMALL)


def write_text(path: Path) -> None:
    path.write_text("no weights")


def write_other_network(path: Path) -> None:
    save_weights(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]), path)


@functools.cache
def wider() -> keras.Model:
    return keras.applications.MobileNet(weights=None, include_top=False, alpha=0.5)


def write_other_width(path: Path) -> None:
    save_weights(wider(), path)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("write", [write_text, write_other_network, write_other_width])
@pytest.mark.parametrize("name", ["a.weights.h5", "a.keras", "a.h5"])
def test_a_file_that_does_not_fit_is_refused_by_its_name(
    tmp_path, name, write: Callable[[Path], None]
):
    write(tmp_path / name)
    with pytest.raises(WeightsError) as caught:
        build(tmp_path / name, alpha=0.25)
    assert caught.value.parts["where"] == str(tmp_path / name)
    assert "keras.applications.MobileNet" in caught.value.parts["expected"]
    assert caught.value.parts["received"]


def test_a_file_of_another_kind_is_refused(tmp_path):
    write_text(tmp_path / "weights.pt")
    with pytest.raises(WeightsError, match=r"unknown suffix '\.pt'"):
        build(tmp_path / "weights.pt")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(WeightsError, match="There are no weights"):
        build(tmp_path)


def test_without_a_network_the_error_offers_a_local_file(monkeypatch):
    def refuse(*arguments: object, **keywords: object) -> str:
        raise Exception("URL fetch failure on https://example.org: no route\nmore")

    monkeypatch.setattr(GET_FILE, refuse)
    with pytest.raises(WeightsError) as caught:
        build("imagenet")
    assert str(caught.value) == (
        "The published weights 'imagenet' of 'applications:mobilenet' cannot be downloaded.\n"
        "  received: URL fetch failure on https://example.org: no route\n"
        "  fix:      Check the network, or set backbone.weights to a local file or to null."
    )


@pytest.mark.filterwarnings("error:.*input_shape.*:UserWarning")
@pytest.mark.parametrize(("side", "expected"), [(32, 224), (160, 160)])
def test_published_weights_are_those_of_the_size_where_it_has_its_own(
    monkeypatch, tmp_path, side, expected
):
    asked_for = []

    def fetch(name: str, *arguments: object, **keywords: object) -> str:
        asked_for.append(name)
        source.save(tmp_path / name)
        return str(tmp_path / name)

    source = mobilenet(include_top=False)
    monkeypatch.setattr(GET_FILE, fetch)
    network = find_backbone("applications:mobilenet").build(
        weights="imagenet", input=ImageInput(height=side, width=side), alpha=0.25
    )
    assert asked_for == [f"mobilenet_2_5_{expected}_tf_no_top.h5"]
    assert_holds(network, source)


def test_an_efficientnet_is_the_same_network_by_name_and_by_file(monkeypatch, tmp_path):
    source = keras.applications.EfficientNetB0(weights=None, include_top=False)
    random = np.random.default_rng(0)
    source.set_weights(
        [value + random.uniform(0, 0.1, value.shape) for value in source.get_weights()]
    )
    path = tmp_path / "efficientnetb0_notop.h5"
    source.save(path)
    monkeypatch.setattr(GET_FILE, lambda *arguments, **keywords: str(path))
    of_keras = keras.applications.EfficientNetB0(
        weights="imagenet", include_top=False, pooling="avg", input_shape=SMALL.shape
    )
    image = random.uniform(0, 255, (2, *SMALL.shape)).astype("float32")
    expected = np.asarray(of_keras(image))
    assert np.ptp(expected) > 0
    for weights in ("imagenet", path):
        network = build(weights, name="efficientnet_b0")
        np.testing.assert_allclose(
            np.asarray(network(image)), expected, atol=1e-5 * np.abs(expected).max()
        )


@pytest.fixture(scope="module")
def shared() -> Path:
    """The folder with real weights beside the project."""
    folder = Path(__file__).resolve().parents[4] / "shared"
    if not folder.is_dir():
        pytest.skip("the folder with real weights isn't beside the project")
    return folder


REAL = {
    "mobilenet_v2_0.35_224_no_top.weights.h5": ("MobileNetV2", "mobilenet_v2", 0.35),
    "mobilenet_v2_1.0_224_dequant_no_top.weights.h5": ("MobileNetV2", "mobilenet_v2", 1.0),
    "mobilenet_v1_0.25_224_no_top.weights.h5": ("MobileNet", "mobilenet", 0.25),
}


@pytest.mark.parametrize("file", REAL)
def test_real_weights_give_the_features_of_keras(shared, file):
    constructor, name, alpha = REAL[file]
    path = shared / "weights" / file
    of_keras = getattr(keras.applications, constructor)(
        alpha=alpha, weights=str(path), include_top=False, pooling="avg", input_shape=(96, 96, 3)
    )
    image = np.random.default_rng(0).uniform(0, 255, (2, 96, 96, 3)).astype("float32")
    preprocess = getattr(keras.applications, name).preprocess_input
    expected = np.asarray(of_keras(preprocess(image.copy())))
    network = find_backbone(f"applications:{name}", options={"alpha": alpha}).build(
        weights=str(path), input=ImageInput(height=96, width=96)
    )
    np.testing.assert_allclose(
        np.asarray(network(image)), expected, atol=1e-5 * np.abs(expected).max()
    )


def test_weights_of_other_options_are_named_with_the_first_layer_that_differs(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    other = keras.applications.MobileNetV2(
        include_top=False, pooling="avg", weights=None, alpha=0.35, input_shape=(32, 32, 3)
    )
    other.save_weights(tmp_path / "small.weights.h5")
    with pytest.raises(WeightsError) as caught:
        build(tmp_path / "small.weights.h5", name="mobilenet_v2", alpha=1.0)
    parts = caught.value.parts
    assert parts["received"] == ("(3, 3, 3, 16) for the layer 'Conv1', which has (3, 3, 3, 32)")
    assert "{name: applications:mobilenet_v2, options: {alpha: 0.35}}" in parts["fix"]
    assert [str(one.message) for one in recwarn if "nested container" in str(one.message)] == []
