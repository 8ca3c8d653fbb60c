"""The backbone as a layer: what learns, what stands still, what survives a file."""

import keras
import numpy as np
import pytest

from kerastl.backbones import Backbone, Stage
from kerastl.errors import ModelError

pytestmark = pytest.mark.backends

STAGES = (
    Stage(name="low", layers=("raw", "conv", "norm")),
    Stage(name="high", layers=("top", "top_norm", "dropout", "pool")),
)


def make_layer(**arguments) -> Backbone:
    raw = keras.Input((8, 8, 3), name="raw")
    values = keras.layers.Conv2D(4, 3, name="conv")(raw)
    values = keras.layers.BatchNormalization(name="norm")(values)
    inner = keras.Sequential([keras.layers.Conv2D(5, 3), keras.layers.ReLU()], name="top")
    values = keras.layers.BatchNormalization(name="top_norm")(inner(values))
    values = keras.layers.Dropout(0.5, name="dropout")(values)
    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(values)
    return Backbone(keras.Model(raw, pooled), stages=STAGES, **arguments)


def make_model(layer: Backbone) -> keras.Model:
    raw = keras.Input((8, 8, 3))
    return keras.Model(raw, keras.layers.Dense(1)(layer(raw)))


def fit(model: keras.Model) -> None:
    random = np.random.default_rng(0)
    model.compile(keras.optimizers.SGD(0.1), "mean_squared_error")
    images = random.normal(size=(8, 8, 8, 3)).astype("float32")
    model.fit(images, np.ones((8, 1), "float32"), epochs=2, verbose=0)


def values(layer: Backbone) -> dict[str, np.ndarray]:
    return {
        f"{part.name}/{variable.path}": np.array(keras.ops.convert_to_numpy(variable.value))
        for part in layer.model.layers
        for variable in part.variables
        if "seed" not in variable.path
    }


def moved_by_fit(layer: Backbone) -> set[str]:
    model = make_model(layer)
    before = values(layer)
    fit(model)
    after = values(layer)
    return {
        path.split("/", 1)[0] for path in before if not np.array_equal(before[path], after[path])
    }


def learning(layer: Backbone) -> list[str]:
    flags = {id(variable) for variable in layer.trainable_variables}
    return sorted(
        part.name for part in layer.model.layers if flags & {id(v) for v in part.variables}
    )


POLICIES = {
    "freeze": (lambda layer: layer.freeze(), []),
    "unfreeze": (lambda layer: layer.unfreeze(), ["conv", "norm", "top", "top_norm"]),
    "one stage": (lambda layer: layer.unfreeze_stages(1), ["top", "top_norm"]),
    "two stages": (lambda layer: layer.unfreeze_stages(2), ["conv", "norm", "top", "top_norm"]),
    "a pattern": (lambda layer: layer.unfreeze_variables("conv/*"), ["conv"]),
    "patterns": (lambda layer: layer.unfreeze_variables(["norm/*", "top/*"]), ["norm", "top"]),
}


@pytest.mark.parametrize("policy", POLICIES)
def test_exactly_what_a_policy_names_learns(policy):
    set_policy, expected = POLICIES[policy]
    layer = make_layer()
    set_policy(layer)
    assert learning(layer) == expected
    assert sorted(moved_by_fit(layer)) == expected


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("earlier", POLICIES)
def test_a_policy_forgets_the_one_before(policy, earlier):
    layer = make_layer()
    POLICIES[earlier][0](layer)
    set_policy, expected = POLICIES[policy]
    set_policy(layer)
    assert learning(layer) == expected


@pytest.mark.parametrize("policy", POLICIES)
def test_a_loaded_model_learns_what_the_saved_one_did(policy, tmp_path):
    layer = make_layer()
    model = make_model(layer)
    set_policy, expected = POLICIES[policy]
    set_policy(layer)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras").get_layer("backbone")
    assert learning(loaded) == expected
    assert loaded.learns == layer.learns
    assert loaded.stages == STAGES


def test_keras_trainable_freezes_and_unfreezes_a_loaded_model_too(tmp_path):
    make_model(make_layer(learns=False)).save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    layer = model.get_layer("backbone")
    layer.trainable = True
    assert learning(layer) == ["conv", "norm", "top", "top_norm"]
    layer.trainable = False
    assert (learning(layer), layer.learns) == ([], False)


@pytest.mark.parametrize("mode", ["frozen", "update"])
def test_a_frozen_backbone_is_in_inference_mode_whatever_the_caller_says(mode):
    layer = make_layer(learns=False, batch_norm=mode)
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    calls = [keras.ops.convert_to_numpy(layer(images, training=flag)) for flag in (True, False)]
    np.testing.assert_array_equal(*calls)


def test_statistics_move_only_where_asked_for_and_where_something_learns():
    statistics = {"frozen": 0, "update": 4}
    for mode, expected in statistics.items():
        layer = make_layer(batch_norm=mode)
        before = values(layer)
        fit(make_model(layer))
        after = values(layer)
        moved = [p for p in before if "moving" in p and not np.array_equal(before[p], after[p])]
        assert len(moved) == expected, mode


def test_statistics_of_a_frozen_stage_stand_still_while_another_updates():
    layer = make_layer(batch_norm="update")
    layer.unfreeze_stages(1)
    assert moved_by_fit(layer) == {"top", "top_norm"}


@pytest.mark.parametrize("num_stages", [0, 3, True])
def test_a_number_of_stages_that_there_are_not_is_refused(num_stages):
    with pytest.raises(ModelError, match="1 to 2 stages"):
        make_layer().unfreeze_stages(num_stages)


def test_a_refused_pattern_changes_nothing():
    layer = make_layer()
    layer.unfreeze_stages(1)
    with pytest.raises(ModelError, match="matches 'nothing'"):
        layer.unfreeze_variables(["top/*", "nothing"])
    assert learning(layer) == ["top", "top_norm"]
