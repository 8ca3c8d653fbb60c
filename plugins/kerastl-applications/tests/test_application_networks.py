"""One network of each architecture: the same features as Keras, and it learns."""

import json

import keras
import numpy as np
import pytest

from kerastl.backbones import list_backbones
from kerastl.backbones.testing import run_checks
from kerastl.backbones.testing.subject import find_subject

LARGE = ("inception_resnet_v2", "nasnet_mobile")

SMALLEST = {
    "convnext_tiny": {},
    "densenet121": {},
    "efficientnet_b0": {},
    "efficientnet_v2_b0": {},
    "inception_resnet_v2": {},
    "inception_v3": {},
    "mobilenet": {"alpha": 0.25},
    "mobilenet_v2": {"alpha": 0.35},
    "mobilenet_v3_small": {"minimalistic": True},
    "nasnet_mobile": {},
    "resnet50": {},
    "resnet50_v2": {},
    "vgg16": {},
    "xception": {},
}


@pytest.mark.backends
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in LARGE else ()) for name in SMALLEST],
)
def test_the_same_picture_gives_the_features_of_keras_and_a_step_moves_every_stage(name):
    identifier, options = f"applications:{name}", SMALLEST[name]
    if keras.backend.backend() == "torch" and name == "nasnet_mobile":
        pytest.skip("Keras's NASNet doesn't build on the PyTorch backend")
    subject = find_subject(identifier, None, json.dumps(options))
    images = subject.examples()
    expected = subject.spec.reference_features(subject.network)(images)
    np.testing.assert_allclose(
        subject.features(images), expected, rtol=0, atol=1e-5 * np.abs(expected).max()
    )
    with subject.layer() as layer:
        moved = _moved_by_one_step(layer, subject.examples())
        for stage in layer.stages:
            parts = [part for part in layer.model.layers if part.name in stage.layers]
            assert moved & {id(v) for part in parts for v in part.variables}, stage.name


def _moved_by_one_step(layer, raw: np.ndarray) -> set[int]:
    inputs = keras.Input(raw.shape[1:])
    model = keras.Model(inputs, keras.layers.Dense(1)(layer(inputs)))
    eagerly = keras.backend.backend() != "jax"
    model.compile(keras.optimizers.SGD(0.01), "mean_squared_error", run_eagerly=eagerly)
    before = {id(v): np.array(keras.ops.convert_to_numpy(v.value)) for v in layer.model.variables}
    loss = model.fit(raw, np.ones((len(raw), 1), "float32"), verbose=0).history["loss"][0]
    assert np.isfinite(loss)
    return {
        id(v)
        for v in layer.model.variables
        if not np.array_equal(before[id(v)], keras.ops.convert_to_numpy(v.value))
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", list_backbones(family="applications"))
def test_every_network_is_built_and_gives_the_features_of_keras(name):
    (parity,) = run_checks(name, only=["preprocesses_exactly_once"])
    assert parity.result == "passed", parity.reason
