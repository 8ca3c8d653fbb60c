"""The frozen stages before the trained ones: where they end, and their output."""

import keras
import numpy as np
import pytest

from kerastl import scratch
from kerastl.backbones import Backbone
from kerastl.data.inputs.batches import ArrayInputs
from kerastl.features.prefix import find_cut, run_prefix, suffix_model
from kerastl.heads.builder import apply_policy, build_model, find_layer, logits_model
from kerastl.progress import SILENT


def images(num: int = 24) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (num, 32, 32, 3), np.uint8)


@pytest.fixture
def model(small_backbone) -> keras.Model:
    return build_model(small_backbone, ["a", "b"], seed=0, trainable={"stages": 1})


def test_the_trained_part_gives_the_output_of_the_whole_model(model: keras.Model) -> None:
    values = images()
    cut = find_cut(find_layer(model))
    assert cut is not None
    rows = np.arange(len(values))
    inputs = run_prefix(cut, ArrayInputs(values), rows, engine="keras", progress=SILENT)
    behind = suffix_model(model, cut)(inputs.take(rows), training=False)
    whole = logits_model(model)(values.astype(np.float32), training=False)
    np.testing.assert_allclose(behind, whole, atol=1e-5)


def test_the_trained_part_has_the_trainable_weights_of_the_model(model: keras.Model) -> None:
    cut = find_cut(find_layer(model))
    assert cut is not None
    behind = suffix_model(model, cut)
    assert {id(v) for v in behind.trainable_variables} == {id(v) for v in model.trainable_variables}
    assert {id(v) for v in model.trainable_variables} == {
        id(v) for v in logits_model(model).trainable_variables
    }


@pytest.mark.parametrize("policy", [False, True, {"stages": 2}, {"variables": "high*"}])
def test_without_frozen_stages_before_the_learning_ones_there_is_no_cut(
    model: keras.Model, policy: object
) -> None:
    apply_policy(find_layer(model), policy)
    assert find_cut(find_layer(model)) is None


def test_frozen_stages_that_draw_at_random_are_not_constant(model: keras.Model) -> None:
    layer = find_layer(model)
    layer.stages = (
        prefix_stage("low", [o.name for o in layer.model.operations[:-1]]),
        prefix_stage("high", [layer.model.operations[-1].name]),
    )
    apply_policy(layer, {"stages": 1})
    assert find_cut(layer) is not None
    apply_policy(layer, {"stages": 1, "batch_norm": "update"})
    assert find_cut(layer) is None


def test_a_seed_generator_of_any_layer_inside_the_frozen_stages_counts() -> None:
    raw = keras.Input((8,))
    inner = keras.Sequential([keras.Input((8,)), keras.layers.Dropout(0.5)], name="inner")
    network = keras.Model(raw, keras.layers.Dense(4, name="last")(inner(raw)))
    layer = Backbone(network, stages=(prefix_stage("a", ["inner"]), prefix_stage("b", ["last"])))
    apply_policy(layer, {"stages": 1, "batch_norm": "update"})
    assert find_cut(layer) is None


def prefix_stage(name: str, layers: list[str]):
    from kerastl.backbones import Stage

    return Stage(name=name, layers=tuple(layers))


def test_the_outputs_of_the_frozen_stages_may_be_stored_on_disk(
    model: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    values, rows = images(), np.arange(24)
    cut = find_cut(find_layer(model))
    assert cut is not None
    in_memory = run_prefix(cut, ArrayInputs(values), rows, engine="keras", progress=SILENT)
    monkeypatch.setattr(scratch, "MEMORY_SHARE", 0)
    on_disk = run_prefix(cut, ArrayInputs(values), rows, engine="keras", progress=SILENT)
    assert isinstance(on_disk.values, np.memmap)
    np.testing.assert_array_equal(on_disk.take(rows), in_memory.take(rows))
