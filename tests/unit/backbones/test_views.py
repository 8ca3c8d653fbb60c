"""More features from the same weights: middle stages, sizes, mirror images and shifts."""

from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import kerastl
from kerastl.backbones import Backbone, BackboneError, stages_by_resolution
from kerastl.backbones.resizing import ResizeImages, resizing_matrix
from kerastl.backbones.views import Views
from kerastl.heads.builder import build_model, find_layer
from kerastl.media.view import View

MOBILENET = "applications:mobilenet_v2"


def make_network(side: int = 32) -> keras.Model:
    keras.utils.set_random_seed(1)
    raw = keras.Input((side, side, 3))
    x = raw
    for filters in (4, 6, 8, 10):
        x = keras.layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
    return keras.Model(raw, keras.layers.GlobalAveragePooling2D()(x))


def make_backbone(**changes) -> Backbone:
    network = make_network()
    views = Views(**changes)
    return Backbone(network, stages=stages_by_resolution(network), views=views)


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (3, 32, 32, 3)).astype(np.float32)


def features(backbone: Backbone, images: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(backbone(images))


@pytest.mark.parametrize(("before", "after"), [(64, 40), (224, 160), (30, 30), (20, 31)])
def test_images_are_resized_as_pillow_resizes_them(before: int, after: int) -> None:
    image = np.random.default_rng(0).uniform(0, 255, (before, before)).astype(np.float32)
    expected = Image.fromarray(image).resize((after, after), Image.Resampling.BILINEAR)
    resized = ResizeImages(after, after)(image[None, :, :, None])
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(resized)[0, :, :, 0], np.asarray(expected), atol=1e-3
    )


def test_resizing_keeps_constant_images() -> None:
    np.testing.assert_allclose(resizing_matrix(50, 13).sum(axis=1), 1, rtol=1e-6)


def test_the_features_are_those_of_the_two_stages_before_the_last_and_the_feature_vector(
    images: np.ndarray,
) -> None:
    backbone = make_backbone(transform="none")
    assert features(backbone, images).shape == (3, 2 * 6 + 2 * 8 + 10)
    np.testing.assert_allclose(
        features(backbone, images)[:, -10:], backbone.model(images), rtol=1e-5
    )
    only_top = make_backbone(transform="none", stages=("top",))
    np.testing.assert_allclose(features(only_top, images), backbone.model(images), rtol=1e-5)


def test_middle_stages_are_pooled_as_asked(images: np.ndarray) -> None:
    backbone = make_backbone(transform="none", stages=("middle",), pooling=("max",))
    tensors = [layer.output for layer in backbone.model.layers if "conv" in layer.name][1:3]
    maps = keras.Model(backbone.model.input, tensors)(images)
    expected = np.concatenate([np.max(one, axis=(1, 2)) for one in maps], axis=1)
    np.testing.assert_allclose(features(backbone, images), expected, rtol=1e-5)


def test_the_square_root_keeps_signs_and_has_a_finite_slope_at_zero() -> None:
    views = Views(views=(View(),))
    values = np.array([[-4.0, 0.0, 9.0]], np.float32)
    np.testing.assert_allclose(views.combine([values], np), [[-2, 0, 3]], atol=1e-5)
    np.testing.assert_allclose(views.combine([values], keras.ops), [[-2, 0, 3]], atol=1e-5)


def test_with_mirrored_views_an_image_and_its_mirror_image_have_equal_features(
    images: np.ndarray,
) -> None:
    mirrored = make_backbone(views=(View(), View(is_mirrored=True)))
    np.testing.assert_allclose(
        features(mirrored, images), features(mirrored, images[:, :, ::-1]), rtol=1e-4
    )
    plain = make_backbone()
    assert np.abs(features(plain, images) - features(plain, images[:, :, ::-1])).max() > 0.01


def test_a_second_size_appends_the_features_of_the_resized_image(images: np.ndarray) -> None:
    backbone = make_backbone(views=(View(), View(size=(16, 16))), transform="none")
    small = make_network(16)
    small.set_weights(backbone.model.get_weights())
    resized = ResizeImages(16, 16)(images)
    found = features(backbone, images)
    assert found.shape == (3, 2 * 38)
    np.testing.assert_allclose(found[:, -10:], small(resized), rtol=1e-4)
    assert len(backbone.weights) == len(small.weights)


@pytest.mark.parametrize("shift", [3, -3])
def test_a_shifted_clip_has_zeros_where_nothing_was(shift: int) -> None:
    clip = np.arange(1, 9, dtype=np.float32)[None]
    for ops in (np, keras.ops):
        moved = np.asarray(View(shift=shift).change(clip, ops))
        assert moved.shape == clip.shape
        assert np.count_nonzero(moved) == 5
        np.testing.assert_array_equal(moved[moved > 0], clip[0, :5] if shift > 0 else clip[0, 3:])


def test_a_model_with_views_is_saved_and_loaded_with_its_weights_once(
    images: np.ndarray, tmp_path: Path
) -> None:
    wanted = {"sizes": [32, 64], "flips": True}
    model = build_model(
        MOBILENET, ["a"], weights=None, options={"alpha": 0.35}, features=wanted, seed=0
    )
    assert model.input_shape == (None, 64, 64, 3)
    plain = build_model(MOBILENET, ["a"], weights=None, options={"alpha": 0.35}, input_size=64)
    assert len(find_layer(model).weights) == len(find_layer(plain).weights)
    model.save(tmp_path / "model.keras")
    plain.save(tmp_path / "plain.keras")
    loaded = kerastl.load_model(tmp_path / "model.keras")
    large = np.repeat(np.repeat(images, 2, axis=1), 2, axis=2)
    np.testing.assert_array_equal(loaded(large), model(large))
    sizes = [(tmp_path / name).stat().st_size for name in ("model.keras", "plain.keras")]
    assert sizes[0] < 1.1 * sizes[1]


def test_a_frozen_backbone_with_views_does_not_move_in_a_fit(images: np.ndarray) -> None:
    model = build_model("tiny:image", ["a"], features={"flips": True}, input_size=32)
    before = [np.array(weight) for weight in find_layer(model).weights]
    kerastl.compile(model, "sgd", learning_rate=0.1)
    model.fit(images, np.ones((3, 1)), epochs=2, verbose=0)
    for old, new in zip(before, find_layer(model).weights, strict=True):
        np.testing.assert_array_equal(old, new)


def test_audio_is_shifted_by_a_part_of_its_window() -> None:
    model = build_model("tiny:speech", ["a"], features={"shift": 0.1})
    assert [view.shift for view in find_layer(model).views.views] == [0, -1600, 1600]


def test_a_backbone_of_one_stage_has_no_middle_stages() -> None:
    raw = keras.Input((8, 8, 3))
    network = keras.Model(raw, keras.layers.Dense(4)(keras.layers.Flatten()(raw)))
    stages = stages_by_resolution(network)
    both = Backbone(network, stages=stages, views=Views())
    assert both.feature_dim == 4
    with pytest.raises(BackboneError, match="no middle stages"):
        Backbone(network, stages=stages, views=Views(stages=("middle",)))


def test_a_backbone_for_one_size_alone_refuses_others() -> None:
    raw = keras.Input((8, 8, 3))
    network = keras.Model(raw, keras.layers.Dense(4)(keras.layers.Flatten()(raw)))
    with pytest.raises(BackboneError, match="cannot take images of 6 x 6 pixels"):
        Backbone(network, views=Views(views=(View(), View(size=(6, 6)))))
