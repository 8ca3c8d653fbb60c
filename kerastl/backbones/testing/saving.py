"""Checks of saved and exported models."""

import tempfile
from pathlib import Path

import keras

from kerastl.backbones.extractor import Extractor
from kerastl.backbones.layer import Backbone, named_leaves
from kerastl.backbones.testing.subject import DoesNotApply, Subject, assert_equal_features

_SAME_WEIGHTS = 1e-6
_OTHER_PROGRAM = 1e-4


def survives_saving(subject: Subject) -> None:
    """A `.keras` file of the backbone loads in safe mode and returns the same features.

    An extractor is written as a run stores it.
    """
    raw = subject.examples()
    if subject.is_extractor:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "backbone.onnx")
            subject.extractor.save(path)
            loaded_features = Extractor.read(path).features(raw)
        assert_equal_features(
            loaded_features,
            subject.features(raw),
            tolerance=_SAME_WEIGHTS,
            what="before saving and after loading",
        )
        return
    with subject.layer() as layer, tempfile.TemporaryDirectory() as folder:
        if layer.stages:
            layer.unfreeze_stages(1)
        model = _model(layer)
        path = Path(folder, "model.keras")
        model.save(path)
        loaded = keras.models.load_model(path, safe_mode=True)
        expected, received = _learning(layer), _learning(loaded.get_layer(layer.name))
        assert received == expected, (
            f"{len(expected)} weights are trainable before saving, {len(received)} or other ones "
            "after loading"
        )
        assert_equal_features(
            keras.ops.convert_to_numpy(loaded(raw, training=False)),
            keras.ops.convert_to_numpy(model(raw, training=False)),
            tolerance=_SAME_WEIGHTS,
            what="before saving and after loading",
        )


def exports_the_same(subject: Subject) -> None:
    """A SavedModel of a model with the backbone returns the same features."""
    if subject.is_extractor:
        raise DoesNotApply("an extractor is exported as it is")
    if keras.backend.backend() != "tensorflow":
        raise DoesNotApply("only TensorFlow exports and reads a SavedModel here")
    raw = subject.examples()
    with subject.layer() as layer, tempfile.TemporaryDirectory() as folder:
        layer.freeze()
        model = _model(layer)
        model.export(folder, format="tf_saved_model", verbose=False)
        served = keras.layers.TFSMLayer(folder, call_endpoint="serve")
        assert_equal_features(
            keras.ops.convert_to_numpy(served(raw)),
            keras.ops.convert_to_numpy(model(raw, training=False)),
            tolerance=_OTHER_PROGRAM,
            what="the model and its export",
        )


def _model(layer: Backbone) -> keras.Model:
    inputs = keras.Input(layer.model.input_shape[1:])
    return keras.Model(inputs, layer(inputs))


def _learning(layer: Backbone) -> list[tuple[str, tuple[int, ...]]]:
    """Returns layer and shape of each trainable weight; Keras may renumber variables."""
    return [
        (path, tuple(variable.shape))
        for path, inner in named_leaves(layer.model)
        for variable in inner.trainable_variables
    ]
