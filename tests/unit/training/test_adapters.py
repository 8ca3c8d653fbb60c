"""Low-rank adapters: what learns beside them, and that nothing of them remains."""

import keras
import numpy as np
import pytest

from kerastl.backbones import Backbone
from kerastl.errors import ModelError
from kerastl.training.adapters import low_rank_adapters

RAW = np.random.default_rng(0).uniform(-1, 1, (8, 6, 4)).astype("float32")


@pytest.fixture
def layer() -> Backbone:
    keras.utils.set_random_seed(0)
    raw = keras.Input((6, 4))
    tokens = keras.layers.Dense(8, name="embedding")(raw)
    tokens = keras.layers.MultiHeadAttention(2, 4, name="attention")(tokens, tokens)
    tokens = keras.layers.BatchNormalization()(tokens)
    features = keras.layers.GlobalAveragePooling1D()(tokens)
    return Backbone(keras.Model(raw, features))


def fit(layer: Backbone) -> None:
    raw = keras.Input((6, 4))
    model = keras.Model(raw, keras.layers.Dense(1)(layer(raw)))
    model.compile("adam", "mean_squared_error", run_eagerly=True)
    model.fit(RAW, np.ones((8, 1)), epochs=3, verbose=0)


def values(layer: Backbone) -> dict[str, np.ndarray]:
    return {v.path: keras.ops.convert_to_numpy(v) for v in layer.model.variables}


def test_only_adapters_are_trainable_and_the_features_start_unchanged(layer: Backbone) -> None:
    before = keras.ops.convert_to_numpy(layer(RAW))
    with low_rank_adapters(layer, 2, seed=0):
        names = {v.path.rpartition("/")[2] for v in layer.trainable_variables}
        assert names == {"lora_kernel_a", "lora_kernel_b"}
        assert len(layer.trainable_variables) == 10  # two of five dense layers
        np.testing.assert_array_equal(layer(RAW), before)


def test_merged_adapters_change_the_kernels_of_dense_layers_and_nothing_else(
    layer: Backbone,
) -> None:
    before = values(layer)
    with low_rank_adapters(layer, 2, seed=0):
        fit(layer)
        trained = keras.ops.convert_to_numpy(layer(RAW))
    after = values(layer)
    assert list(after) == list(before)
    changed = {path for path, value in after.items() if not np.array_equal(value, before[path])}
    assert changed == {path for path in before if path.endswith("/kernel")}
    np.testing.assert_allclose(layer(RAW), trained, atol=1e-6)
    for path in changed:  # the change has the rank of the adapters
        change = (after[path] - before[path]).reshape(-1, after[path].shape[-1])
        assert np.linalg.matrix_rank(change, tol=1e-6) <= 2


def test_a_merged_model_is_saved_as_an_ordinary_one(layer: Backbone, tmp_path) -> None:
    with low_rank_adapters(layer, 2, seed=0):
        fit(layer)
    layer.model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    assert [v.path for v in loaded.variables] == [v.path for v in layer.model.variables]
    np.testing.assert_allclose(loaded(RAW), layer(RAW), atol=1e-6)


def test_a_merged_model_takes_adapters_again(layer: Backbone) -> None:
    for _ in range(2):
        with low_rank_adapters(layer, 2, seed=0):
            fit(layer)
    assert len(layer.trainable_variables) == 12  # all kernels and biases, and of BatchNorm


def test_a_backbone_without_dense_layers_is_refused() -> None:
    raw = keras.Input((6, 4))
    convolved = keras.layers.Conv1D(2, 3)(raw)
    layer = Backbone(keras.Model(raw, keras.layers.GlobalAveragePooling1D()(convolved)))
    with (
        pytest.raises(ModelError, match="has no dense layers"),
        low_rank_adapters(layer, 2, seed=0),
    ):
        pass
