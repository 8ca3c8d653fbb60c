"""Every form of module: called as TensorFlow calls it, trained where it can be, saved exactly."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerastl_tfhub import SavedModelLayer

VECTORS = np.random.default_rng(1).normal(size=(6, 3)).astype("float32")
IMAGES = np.random.default_rng(2).uniform(size=(6, 8, 8, 3)).astype("float32")
CLIPS = np.random.default_rng(3).uniform(-1, 1, (6, 400)).astype("float32")
WORDS = np.array(["yes", "no", "maybe", "never", "yes", "no"])

# form: (inputs, options of the layer, the module's own call)
FORMS = {
    "conv_net": (IMAGES, {}, lambda module, x: module(x, training=False)),
    "plain": (VECTORS, {}, lambda module, x: module(x)),
    "signature_only": (
        VECTORS,
        {},
        lambda module, x: module.signatures["serving_default"](x=x)["features"],
    ),
    "vocabulary": (WORDS, {}, lambda module, x: module(x)),
    "duplicate_names": (VECTORS, {}, lambda module, x: module(x)),
    "hyperparameters": (
        VECTORS,
        {"arguments": {"scale": 2}},
        lambda module, x: module(x, training=False, scale=2, offset=0.25),
    ),
    "tf1_hub": (VECTORS, {}, lambda module, x: module.signatures["default"](x)["default"]),
    "tf1_resources": (VECTORS, {}, lambda module, x: module.signatures["default"](x)["default"]),
    "unbatched": (
        CLIPS,
        {"output": 1, "pooling": "mean"},
        lambda module, x: tf.stack([tf.reduce_mean(module(clip)[1], 0) for clip in x]),
    ),
    "framewise": (
        CLIPS,
        {"pooling": "max"},
        lambda module, x: tf.reduce_max(module(x), [1, 2]),
    ),
    "dictionary": (VECTORS, {"output": "features"}, lambda module, x: module(x)["features"]),
}
FROZEN = ("signature_only", "tf1_hub", "tf1_resources")


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> tuple:
    folder = request.getfixturevalue(request.param)
    return (request.param, folder, *FORMS[request.param])


@pytest.fixture(params=[name for name in FORMS if name not in FROZEN])
def trainable_form(request: pytest.FixtureRequest) -> tuple:
    folder = request.getfixturevalue(request.param)
    return (request.param, folder, *FORMS[request.param])


def model_of(layer: SavedModelLayer, inputs: np.ndarray) -> keras.Model:
    dtype = "string" if inputs.dtype.kind == "U" else "float32"
    raw = keras.Input(inputs.shape[1:], dtype=dtype)
    return keras.Model(raw, keras.layers.Dense(2, name="head")(layer(raw)))


def tensor(inputs: np.ndarray) -> tf.Tensor:
    return tf.constant(inputs)


def test_the_layer_gives_what_the_module_gives(form: tuple) -> None:
    name, folder, inputs, options, reference = form
    module = tf.saved_model.load(folder, tags=[] if name.startswith("tf1") else None)
    layer = SavedModelLayer(folder, **options)
    assert_equal(layer(tensor(inputs)), reference(module, tensor(inputs)))


def test_a_batch_of_unknown_size_has_a_known_number_of_features(form: tuple) -> None:
    _, folder, inputs, options, _ = form
    model = model_of(SavedModelLayer(folder, **options), inputs)
    assert model.layers[1].output.shape[0] is None
    assert model.layers[1].output.shape[1] == SavedModelLayer(folder, **options)(inputs).shape[1]


def test_frozen_weights_are_bit_identical_after_a_fit(form: tuple) -> None:
    _, folder, inputs, options, _ = form
    layer = SavedModelLayer(folder, batch_norm="update", **options)
    assert not layer.trainable_weights
    before = layer.get_weights()
    fit(model_of(layer, inputs), inputs)
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_every_trainable_variable_moves_in_a_fit(trainable_form: tuple) -> None:
    _, folder, inputs, options, _ = trainable_form
    layer = SavedModelLayer(folder, trainable=True, **options)
    before = [v.numpy() for v in layer.trainable_weights]
    assert before
    fit(model_of(layer, inputs), inputs)
    for variable, old in zip(layer.trainable_weights, before, strict=True):
        assert np.abs(variable.numpy() - old).max() > 0, variable.path


def test_a_saved_model_reloads_exactly_trains_on_and_saves_again(
    form: tuple, tmp_path: Path
) -> None:
    _, folder, inputs, options, _ = form
    model = model_of(SavedModelLayer(folder, **options), inputs)
    model.save(tmp_path / "first.keras")
    reloaded = keras.models.load_model(tmp_path / "first.keras")
    assert_equal(reloaded(tensor(inputs)), model(tensor(inputs)))
    assert str(folder) not in str(reloaded.get_config())
    fit(reloaded, inputs)
    reloaded.save(tmp_path / "second.keras")
    again = keras.models.load_model(tmp_path / "second.keras")
    assert_equal(again(tensor(inputs)), reloaded(tensor(inputs)))


def test_an_exported_saved_model_agrees(form: tuple, tmp_path: Path) -> None:
    _, folder, inputs, options, _ = form
    model = model_of(SavedModelLayer(folder, **options), inputs)
    model.export(tmp_path / "exported", verbose=False)
    exported = tf.saved_model.load(str(tmp_path / "exported"))
    assert_equal(exported.serve(tensor(inputs)), model(tensor(inputs)))


def fit(model: keras.Model, inputs: np.ndarray) -> None:
    # Tracing costs more than two steps; other tests train compiled models.
    model.compile(keras.optimizers.SGD(0.01), "mse", run_eagerly=True)
    model.fit(tensor(inputs), np.ones((len(inputs), 2)), batch_size=3, verbose=0)


def assert_equal(left: tf.Tensor, right: tf.Tensor) -> None:
    np.testing.assert_allclose(np.array(left), np.array(right), rtol=1e-5, atol=1e-6)
    assert np.array(left).std() > 1e-3
