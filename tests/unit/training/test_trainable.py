"""What learns, and that nothing else does."""

from typing import Any

import keras
import numpy as np
import pytest

import kerastl
from kerastl.errors import ModelError
from kerastl.heads.builder import find_layer

PICTURES = np.random.default_rng(0).uniform(0, 255, (16, 32, 32, 3)).astype("float32")
LABELS = np.array([[1, np.nan], [0, 1]] * 8, "float32")


def fitted_difference(
    layer: kerastl.layers.Backbone, policy: Any, *, before_compile: bool
) -> dict[str, float]:
    """Returns the largest change of each variable of the backbone after a fit."""
    model = kerastl.build_model(layer, ["car", "bus"])
    if before_compile:
        kerastl.set_trainable(model, policy)
    kerastl.compile(model, "sgd", learning_rate=0.1)
    if not before_compile:
        model.fit(PICTURES, LABELS, epochs=1, verbose=0)
        kerastl.set_trainable(model, policy)
    start = {v.path: v.numpy().copy() for v in find_layer(model).model.variables}
    head = model.get_layer("tasks_logits").kernel.numpy().copy()
    model.fit(PICTURES, LABELS, epochs=2, batch_size=8, verbose=0)
    assert np.abs(model.get_layer("tasks_logits").kernel.numpy() - head).max() > 0
    return {
        v.path: float(np.abs(v.numpy().astype(float) - start[v.path]).max())
        for v in find_layer(model).model.variables
    }


def moved(difference: dict[str, float]) -> set[str]:
    return {
        path.partition("/")[0] + "/" + path.rpartition("/")[2]
        for path, d in difference.items()
        if d
    }


@pytest.mark.parametrize("before_compile", [True, False])
def test_a_frozen_backbone_is_bit_identical_after_fit(
    small_backbone: kerastl.layers.Backbone, before_compile: bool
) -> None:
    difference = fitted_difference(small_backbone, False, before_compile=before_compile)
    assert moved(difference) == set()


@pytest.mark.parametrize("before_compile", [True, False])
def test_true_moves_every_weight_but_no_statistics(
    small_backbone: kerastl.layers.Backbone, before_compile: bool
) -> None:
    names = moved(fitted_difference(small_backbone, True, before_compile=before_compile))
    assert {"low_conv/kernel", "low_norm/gamma", "high_norm/beta", "high_conv/kernel"} <= names
    assert not any("moving" in name for name in names)


@pytest.mark.parametrize("before_compile", [True, False])
def test_stages_move_exactly_the_last_ones(
    small_backbone: kerastl.layers.Backbone, before_compile: bool
) -> None:
    names = moved(fitted_difference(small_backbone, {"stages": 1}, before_compile=before_compile))
    assert names == {"high_conv/kernel", "high_conv/bias", "high_norm/gamma", "high_norm/beta"}


def test_statistics_move_only_when_asked(small_backbone: kerastl.layers.Backbone) -> None:
    policy = {"stages": 1, "batch_norm": "update"}
    names = moved(fitted_difference(small_backbone, policy, before_compile=True))
    assert {"high_norm/moving_mean", "high_norm/moving_variance"} <= names
    assert not any(name.startswith("low") for name in names)


def test_variables_are_chosen_by_pattern(small_backbone: kerastl.layers.Backbone) -> None:
    policy = {"variables": "*gamma"}
    names = moved(fitted_difference(small_backbone, policy, before_compile=False))
    assert names == {"low_norm/gamma", "high_norm/gamma"}


def test_a_frozen_backbone_has_no_dropout_in_training(
    small_backbone: kerastl.layers.Backbone,
) -> None:
    model = kerastl.build_model(small_backbone, ["car"])
    np.testing.assert_array_equal(
        find_layer(model)(PICTURES, training=True), find_layer(model)(PICTURES, training=False)
    )


def test_the_backbone_learns_at_its_own_rate(small_backbone: kerastl.layers.Backbone) -> None:
    model = kerastl.build_model(small_backbone, ["car", "bus"], trainable=True)
    kerastl.compile(model, "adam", learning_rate=1e-2, backbone_learning_rate=1e-4)
    start = {v.path: v.numpy().copy() for v in model.trainable_variables}
    model.fit(PICTURES, LABELS, epochs=1, batch_size=16, verbose=0)
    steps = {v.path: np.abs(v.numpy() - start[v.path]).max() for v in model.trainable_variables}
    assert steps["tasks_logits/kernel"] == pytest.approx(1e-2, rel=0.1)
    assert steps["low_conv/kernel"] == pytest.approx(1e-4, rel=0.1)


def test_recompiling_keeps_loss_and_metrics_and_makes_a_fresh_optimizer(
    small_backbone: kerastl.layers.Backbone,
) -> None:
    model = kerastl.build_model(small_backbone, ["car", "bus"], heads="multi")
    kerastl.compile(model, "adam", learning_rate=1e-3, positive_weight={"car": 3.0})
    labels = {"car": LABELS[:, :1], "bus": LABELS[:, 1:]}
    before = model.evaluate(PICTURES, labels, verbose=0, return_dict=True)
    optimizer = model.optimizer
    kerastl.set_trainable(model, True, backbone_learning_rate=1e-5)
    assert model.optimizer is not optimizer
    after = model.evaluate(PICTURES, labels, verbose=0, return_dict=True)
    assert before.keys() == after.keys()
    assert before["loss"] == pytest.approx(after["loss"], rel=1e-5)


def test_a_compiled_model_with_two_rates_can_be_saved_and_trained_on(
    small_backbone: kerastl.layers.Backbone, tmp_path: object
) -> None:
    model = kerastl.build_model(small_backbone, ["car", "bus"], trainable=True)
    kerastl.compile(model, learning_rate=1e-3, backbone_learning_rate=1e-5)
    model.fit(PICTURES, LABELS, epochs=1, verbose=0)
    model.save(f"{tmp_path}/m.keras")
    loaded = kerastl.load_model(f"{tmp_path}/m.keras")
    loaded.fit(PICTURES, LABELS, epochs=1, verbose=0)
    assert isinstance(loaded.optimizer, keras.optimizers.MultiOptimizer)


def test_more_stages_than_there_are_is_an_error(small_backbone: kerastl.layers.Backbone) -> None:
    model = kerastl.build_model(small_backbone, ["car"])
    with pytest.raises(ModelError):
        kerastl.set_trainable(model, {"stages": 9})


def test_what_is_no_policy_is_an_error(small_backbone: kerastl.layers.Backbone) -> None:
    model = kerastl.build_model(small_backbone, ["car"])
    with pytest.raises(ModelError, match="trainable policy is not valid"):
        kerastl.set_trainable(model, "everything")
