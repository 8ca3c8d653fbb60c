"""The serving model: from raw input to calibrated probabilities, composed once for all formats.

Convention: the calibration of a task is part of the weights of its last layer, so no format can
lose it, and thresholds apply to what the model returns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerastl.backbones.layer import Backbone
from kerastl.config.head import Head
from kerastl.heads.builder import find_heads, find_layer
from kerastl.run.bundle import Bundle

SIGNATURE = "serving_default"
FLOAT_SIGNATURE = "serving_float"


@dataclass(frozen=True, kw_only=True)
class ServingModel:
    """A Keras model from raw input to calibrated probabilities by head name.

    Args:
        network: Takes float32, `(batch, *shape)`.
        dtype: Type of the input of exported models, as files are decoded.
        joins_windows: Whether the model takes all windows of one example, `(windows, *shape)`, and
            answers with one row.
    """

    network: keras.Model
    dtype: np.dtype
    joins_windows: bool

    @property
    def input_name(self) -> str:
        """Name of the input: that of the media type."""
        return str(self.network.inputs[0].name)

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Shape of one input; None is any extent."""
        return tuple(self.network.input_shape[1:])

    @property
    def takes_any_extent(self) -> bool:
        """Whether inputs may have any extent."""
        return None in self.shape

    def write_saved_model(self, folder: Path, *, batch: int | None) -> None:
        """Writes a SavedModel whose signatures take the input by name and return each head by name.

        The first takes the type that files are decoded to; if this is not float32, a second does.
        The size of a batch is fixed, or None.
        """
        import tensorflow as tf

        signatures = {SIGNATURE: self._function(self.dtype, batch)}
        if self.dtype != np.float32:
            signatures[FLOAT_SIGNATURE] = self._function(np.dtype(np.float32), batch)
        module = tf.Module()
        # If Keras's variables were tracked too, each weight would be saved twice.
        module.weights = [variable.value for variable in self.network.variables]
        try:
            tf.saved_model.save(module, str(folder), signatures=signatures)
        except AssertionError:  # a layer holds tables or files, which the functions need
            module.network = self.network
            tf.saved_model.save(module, str(folder), signatures=signatures)

    def _function(self, dtype: np.dtype, batch: int | None) -> Any:
        import tensorflow as tf

        spec = tf.TensorSpec((batch, *self.shape), tf.as_dtype(dtype), name=self.input_name)

        def call(inputs: Any) -> Any:
            return self.network(tf.cast(inputs, tf.float32), training=False)

        return tf.function(call, input_signature=[spec], autograph=False)


def make_serving_model(
    model: keras.Model, bundle: Bundle, *, takes_any_extent: bool
) -> ServingModel:
    """Returns the serving model of a run's model and bundle.

    Args:
        model: From an input of the contract's shape to uncalibrated probabilities.
        bundle: Calibration and input contract.
        takes_any_extent: Whether inputs may have any extent, if the media type has a layer that
            brings them to the contract's shape.
    """
    outputs = {head.name: _calibrated(model, head, bundle) for head in find_heads(model)}
    backbone = find_layer(model)
    heads = keras.Model(backbone.output, outputs, name="calibrated_heads")
    decoder = bundle.media.decoder(bundle.input)
    fitting = bundle.media.fitting(bundle.input) if takes_any_extent else None
    shape = bundle.input.shape if fitting is None else _open(bundle.input.shape)
    raw = keras.Input(shape, name=bundle.input.modality)
    fitted = raw if fitting is None else fitting(raw)
    joins = bundle.input.has_windows
    features = _features_of_windows(backbone, fitted) if joins else backbone(fitted)
    return ServingModel(
        network=keras.Model(raw, heads(features)), dtype=decoder.dtype, joins_windows=joins
    )


def _features_of_windows(backbone: Backbone, windows: Any) -> Any:
    """Returns the features, `(1, dim)`, of an example of several windows."""
    mean = keras.ops.mean(backbone.joined(windows), axis=0, keepdims=True)
    return backbone.transformed(mean)


def _calibrated(model: keras.Model, head: Head, bundle: Bundle) -> Any:
    """Returns the probabilities of a head, whose last layer computes calibrated logits."""
    layer = keras.layers.Dense(
        len(head.tasks), activation="sigmoid", dtype="float32", name=head.name
    )
    probabilities = layer(model.get_layer(head.logits_name).input)
    layer.set_weights(calibrated_weights(model, head, bundle))
    return probabilities


def calibrated_weights(
    model: keras.Model, head: Head, bundle: Bundle
) -> tuple[np.ndarray, np.ndarray]:
    """Returns kernel and bias of the last layer of a head, so that it gives calibrated logits."""
    found = [bundle.tasks[task].calibration for task in head.tasks]
    scales = np.array([one.scale for one in found], np.float32)
    offsets = np.array([one.offset for one in found], np.float32)
    kernel, bias = model.get_layer(head.logits_name).get_weights()
    return kernel * scales, bias * scales + offsets


def _open(shape: Sequence[int]) -> tuple[int | None, ...]:
    """Returns the shape with all sides but the channels open."""
    return (*[None] * (len(shape) - 1), shape[-1])
