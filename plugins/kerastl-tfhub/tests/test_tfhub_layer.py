"""What the layer promises beyond the forms: BatchNorm, losses, flags, dtypes, cloning, paths."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerastl.backbones import Backbone, BackboneError
from kerastl_tfhub import SavedModelLayer

IMAGES = np.random.default_rng(2).uniform(size=(6, 8, 8, 3)).astype("float32")
VECTORS = np.random.default_rng(1).normal(size=(6, 3)).astype("float32")


def model_of(layer: keras.Layer, shape: tuple[int, ...] = (8, 8, 3)) -> keras.Model:
    raw = keras.Input(shape)
    return keras.Model(raw, keras.layers.Dense(1)(layer(raw)))


def fit(model: keras.Model, inputs: np.ndarray = IMAGES, **options: object) -> None:
    model.compile(keras.optimizers.SGD(0.01), "mse", **options)
    model.fit(inputs, np.ones((len(inputs), 1)), batch_size=3, verbose=0)


def moved(layer: SavedModelLayer, before: list[np.ndarray]) -> set[str]:
    """Returns the names of the variables that are no longer what they were."""
    return {
        variable.path.rpartition("/")[2]
        for variable, old in zip(layer.weights, before, strict=True)
        if np.abs(variable.numpy() - old).max() > 0
    }


def test_keras_variables_share_their_storage_with_the_module(conv_net: str) -> None:
    layer = SavedModelLayer(conv_net)
    layer.weights[0].assign(np.zeros((3, 3, 3, 6)))
    assert not layer.restored.variables[0].numpy().any()


def test_paths_follow_the_names_in_the_module(conv_net: str) -> None:
    layer = SavedModelLayer(conv_net, name="module")
    assert [variable.path for variable in layer.weights] == [
        "module/conv/kernel",
        "module/norm/gamma",
        "module/norm/beta",
        "module/norm/moving_mean",
        "module/norm/moving_variance",
    ]


def test_batch_norm_frozen_moves_gamma_and_beta_but_not_the_statistics(conv_net: str) -> None:
    layer = SavedModelLayer(conv_net, trainable=True)
    before = layer.get_weights()
    fit(model_of(layer))
    assert moved(layer, before) == {"kernel", "gamma", "beta"}


def test_batch_norm_update_moves_the_statistics_too(conv_net: str) -> None:
    layer = SavedModelLayer(conv_net, trainable=True, batch_norm="update")
    before = layer.get_weights()
    fit(model_of(layer))
    assert moved(layer, before) == {"kernel", "gamma", "beta", "moving_mean", "moving_variance"}


def test_statistics_stand_still_in_evaluate_and_predict(conv_net: str) -> None:
    layer = SavedModelLayer(conv_net, trainable=True, batch_norm="update")
    model = model_of(layer)
    model.compile("sgd", "mse")
    before = layer.get_weights()
    model.evaluate(IMAGES, np.ones((6, 1)), verbose=0)
    model.predict(IMAGES, verbose=0)
    assert moved(layer, before) == set()


def test_unfreezing_after_a_fit_and_compiling_again_trains(conv_net: str) -> None:
    layer = SavedModelLayer(conv_net)
    model = model_of(layer)
    fit(model)
    before = layer.get_weights()
    layer.trainable = True
    fit(model)
    assert moved(layer, before) == {"kernel", "gamma", "beta"}


def test_regularization_losses_count_only_while_the_layer_learns(conv_net: str) -> None:
    layer = SavedModelLayer(conv_net, trainable=True)
    model = model_of(layer)
    model(IMAGES)
    kernel = layer.weights[0].numpy()
    np.testing.assert_allclose(float(model.losses[0]), 0.01 * (kernel**2).sum(), rtol=1e-6)
    layer.trainable = False
    model(IMAGES)
    assert model.losses == []


def test_regularization_losses_enter_the_gradient_once(conv_net: str) -> None:
    layer = SavedModelLayer(conv_net, trainable=True)
    raw = keras.Input((8, 8, 3))
    model = keras.Model(raw, layer(raw) * 0)
    kernel = layer.weights[0].numpy()
    model.compile(keras.optimizers.SGD(0.5), "mse")
    model.fit(IMAGES, np.zeros((6, 6)), batch_size=6, verbose=0)
    np.testing.assert_allclose(layer.weights[0].numpy(), kernel * (1 - 0.5 * 0.02), rtol=1e-5)


def test_a_tensor_argument_keeps_its_default_and_takes_a_value(hyperparameters: str) -> None:
    default = SavedModelLayer(hyperparameters, arguments={"scale": 1})(VECTORS)
    shifted = SavedModelLayer(hyperparameters, arguments={"scale": 1, "offset": 1.25})(VECTORS)
    np.testing.assert_allclose(shifted - default, np.ones((6, 5)), rtol=1e-5)


def test_arguments_survive_saving(hyperparameters: str, tmp_path) -> None:
    layer = SavedModelLayer(hyperparameters, arguments={"scale": 2, "offset": 3.0})
    model = model_of(layer, (3,))
    model.save(tmp_path / "model.keras")
    reloaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(reloaded.predict(VECTORS), model.predict(VECTORS))


def test_a_frozen_form_says_why_and_stays_frozen_when_all_is_unfrozen(signature_only: str) -> None:
    layer = SavedModelLayer(signature_only)
    model = model_of(layer, (3,))
    model.trainable = False
    with pytest.warns(UserWarning, match="traced for inference"):
        model.trainable = True
    assert not layer.trainable
    assert len(model.trainable_weights) == 2  # the head's
    assert layer.frozen_reason.endswith("so it can be used but not trained.")


def test_asking_a_frozen_form_to_learn_is_an_error(tf1_hub: str) -> None:
    with pytest.raises(BackboneError, match="TF1's format"):
        SavedModelLayer(tf1_hub, trainable=True)


def test_path_patterns_choose_what_learns(conv_net: str) -> None:
    layer = SavedModelLayer(conv_net, trainable=True, name="module")
    raw = keras.Input((8, 8, 3))
    backbone = Backbone(keras.Model(raw, layer(raw)))
    backbone.unfreeze_variables("module/norm/*")
    before = layer.get_weights()
    fit(model_of(backbone))
    assert moved(layer, before) == {"gamma", "beta"}


def test_a_backbone_decides_whether_statistics_move(conv_net: str) -> None:
    layer = SavedModelLayer(conv_net, trainable=True, batch_norm="update")
    raw = keras.Input((8, 8, 3))
    backbone = Backbone(keras.Model(raw, layer(raw)), batch_norm="frozen")
    backbone.unfreeze()
    before = layer.get_weights()
    fit(model_of(backbone))
    assert moved(layer, before) == {"kernel", "gamma", "beta"}


def test_a_mixed_policy_leaves_the_layer_in_float32(conv_net: str) -> None:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        layer = SavedModelLayer(conv_net, trainable=True)
        model = model_of(layer)
        fit(model)
    finally:
        keras.config.set_dtype_policy("float32")
    assert layer(tf.constant(IMAGES, tf.float16)).dtype == "float32"
    assert all(variable.dtype == "float32" for variable in layer.weights)


def test_inputs_are_cast_to_what_the_module_takes(tmp_path: Path) -> None:
    module = tf.Module()
    module.__call__ = tf.function(
        lambda x: tf.cast(x, tf.float32) / 2, input_signature=[tf.TensorSpec([None, 3], tf.uint8)]
    )
    tf.saved_model.save(module, str(tmp_path))
    halved = SavedModelLayer(tmp_path)(np.array([[1.0, 2.0, 254.0]], "float32"))
    np.testing.assert_array_equal(halved, [[0.5, 1.0, 127.0]])


def test_a_clone_has_its_own_variables_and_takes_weights(conv_net: str) -> None:
    model = model_of(SavedModelLayer(conv_net, trainable=True))
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone.predict(IMAGES), model.predict(IMAGES))
    before = model.layers[1].get_weights()
    fit(clone)
    assert moved(model.layers[1], before) == set()


def test_a_clone_without_weights_gives_nan_instead_of_plausible_numbers(conv_net: str) -> None:
    clone = keras.models.clone_model(model_of(SavedModelLayer(conv_net)))
    assert np.isnan(clone.predict(IMAGES)).all()


def test_running_eagerly_trains_the_same(conv_net: str) -> None:
    weights = []
    for eager in (False, True):
        keras.utils.set_random_seed(0)
        layer = SavedModelLayer(conv_net, trainable=True, batch_norm="update")
        fit(model_of(layer), run_eagerly=eager)
        weights.append(layer.get_weights())
    for compiled, eager in zip(*weights, strict=True):
        np.testing.assert_allclose(compiled, eager, rtol=1e-5, atol=1e-6)


def test_unpooled_frames_stay(unbatched: str, framewise: str) -> None:
    clips = np.random.default_rng(0).uniform(-1, 1, (2, 400)).astype("float32")
    assert SavedModelLayer(unbatched, output=1)(clips).shape == (2, 7, 4)
    assert SavedModelLayer(framewise)(clips).shape == (2, 7, 1, 5)


def test_an_unbatched_module_trains_through_its_map(unbatched: str) -> None:
    clips = tf.constant(np.random.default_rng(0).uniform(-1, 1, (2, 400)).astype("float32"))
    layer = SavedModelLayer(unbatched, output=1, pooling="mean", trainable=True)
    with tf.GradientTape() as tape:
        features = layer(clips)
    gradient = tape.gradient(features, layer.trainable_weights[0].value)
    assert np.abs(gradient.numpy()).min() > 0
