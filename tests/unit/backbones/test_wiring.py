"""The graph of a model: the calls that belong to it, and no others."""

import keras
import numpy as np
import pytest

from kerastl.backbones import Backbone, Stage, stages_by_resolution
from kerastl.backbones.wiring import calls, input_of, operations, spans, tensors_into
from kerastl.features.network import multiply_adds
from kerastl.features.prefix import find_cut


@pytest.fixture
def shared() -> keras.layers.Layer:
    """A layer whose first call belongs to another model."""
    layer = keras.layers.Conv2D(3, 3, padding="same", name="shared")
    other = keras.Input((16, 16, 3))
    keras.Model(other, layer(other))
    return layer


def build(shared: keras.layers.Layer) -> keras.Model:
    raw = keras.Input((8, 8, 3), name="raw")
    low = keras.layers.ReLU(name="low")(shared(raw))
    high = keras.layers.Conv2D(4, 3, name="high")(low)
    return keras.Model(raw, keras.layers.GlobalAveragePooling2D(name="pool")(high))


def test_calls_are_those_of_the_model_in_the_order_in_which_they_run(shared) -> None:
    model = build(shared)
    assert [call.operation.name for call in calls(model)] == [
        "raw",
        "shared",
        "low",
        "high",
        "pool",
    ]
    assert input_of(model, shared).shape == (None, 8, 8, 3)


def test_a_layer_that_is_called_twice_has_two_calls(shared) -> None:
    raw = keras.Input((8, 8, 3))
    model = keras.Model(raw, shared(shared(raw)))
    found = [call for call in calls(model) if call.operation is shared]
    assert len(found) == 2
    assert found[0].outputs[0] is found[1].inputs[0]
    assert multiply_adds(model) == 2 * 64 * 81


def test_a_nested_model_is_one_call_with_the_tensors_of_the_outer_model(shared) -> None:
    inner = build(shared)
    raw = keras.Input((8, 8, 3))
    outer = keras.Model(raw, keras.layers.Dense(2)(inner(raw)))
    found = next(call for call in calls(outer) if call.operation is inner)
    assert found.inputs[0] is outer.inputs[0]
    assert found.outputs[0] is calls(outer)[-1].inputs[0]


def test_a_sequential_model_has_the_calls_of_its_layers() -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.ReLU()])
    assert [call.operation for call in calls(model)][1:] == model.layers
    assert len(operations(model)) == 3


def test_a_subclassed_model_has_no_calls() -> None:
    class Subclassed(keras.Model):
        def call(self, inputs):
            return inputs

    assert calls(Subclassed()) == []


def test_a_tensor_spans_the_operations_that_give_and_take_it() -> None:
    raw = keras.Input((4,))
    hidden = keras.layers.Dense(4, name="a")(raw)
    output = keras.layers.Add(name="b")([keras.layers.ReLU()(hidden), hidden])
    found = {id(tensor): ends for tensor, *ends in spans(keras.Model(raw, output))}
    assert found[id(raw)] == [0, 1]
    assert found[id(hidden)] == [1, 3]


def test_stages_ignore_calls_in_other_models(shared) -> None:
    raw = keras.Input((32, 32, 3))
    low = keras.layers.Conv2D(4, 3, strides=4, padding="same")(shared(raw))
    high = keras.layers.Conv2D(4, 3, strides=4, padding="same")(low)
    model = keras.Model(raw, keras.layers.GlobalAveragePooling2D()(high))
    firsts = [stage.layers[0] for stage in stages_by_resolution(model)]
    assert firsts == [operations(model)[n].name for n in (0, 2, 3)]


def test_the_cut_is_between_the_tensors_of_the_backbone_itself(shared) -> None:
    model = build(shared)
    names = [operation.name for operation in operations(model)]
    stages = [Stage(name="low", layers=names[:3]), Stage(name="high", layers=names[3:])]
    cut = find_cut(Backbone(model, stages=stages, learns=1))
    assert cut is not None
    values = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    np.testing.assert_allclose(cut.suffix(cut.prefix(values)), model(values), atol=1e-6)


def test_there_is_no_cut_through_a_layer_that_is_called_on_both_sides(shared) -> None:
    raw = keras.Input((8, 8, 3), name="raw")
    high = keras.layers.Conv2D(3, 3, padding="same", name="high")(shared(raw))
    model = keras.Model(raw, keras.layers.GlobalAveragePooling2D(name="pool")(shared(high)))
    assert tensors_into(model, {"high", "pool"}) is None
    assert len(tensors_into(model, {"pool"}) or ()) == 1
