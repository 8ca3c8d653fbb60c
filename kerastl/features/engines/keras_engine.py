"""Keras as an engine: the reference, and compiled by XLA in mixed precision on GPUs."""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import keras
import numpy as np

from kerastl.features.engines.engine import EAGER_EXAMPLES, XLA_NAME, Engine


class KerasEngine(Engine):
    """A network run by Keras.

    Args:
        network: From raw input to features.
        dtype: Type of the input arrays, which are cast to float32.
        num_examples: Expected number of examples; for few the network is not traced.
        jit_compile: Whether XLA compiles the network (TensorFlow only).
    """

    def __init__(
        self,
        network: keras.Model,
        dtype: np.dtype,
        *,
        num_examples: int,
        jit_compile: bool = False,
        name: str = "keras",
        precision: str = "float32",
    ):
        super().__init__(name, precision, tuple(network.output_shape[1:]))
        self.network = network
        self.dtype = dtype
        self._num_examples = num_examples
        self._jit_compile = jit_compile

    def run(self, batches: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        for batch in batches:
            yield np.asarray(keras.ops.convert_to_numpy(self._call(batch)), np.float32)

    @cached_property
    def concrete_function(self) -> Any:
        """The network as a concrete function of TensorFlow, which other engines convert."""
        import tensorflow as tf

        network = self.network

        def call(inputs: Any) -> Any:
            return tf.cast(network(tf.cast(inputs, tf.float32), training=False), tf.float32)

        shape = (None, *self.network.input_shape[1:])
        traced = tf.function(call, autograph=False, jit_compile=self._jit_compile or None)
        return traced.get_concrete_function(tf.TensorSpec(shape, tf.as_dtype(self.dtype)))

    @cached_property
    def _call(self) -> Callable[[np.ndarray], Any]:
        if keras.backend.backend() != "tensorflow":
            return lambda values: self.network.predict_on_batch(values.astype(np.float32))
        if self._num_examples <= EAGER_EXAMPLES and not self._jit_compile:
            return lambda values: self.network(values.astype(np.float32), training=False)
        import tensorflow as tf

        function = self.concrete_function
        return lambda values: function(tf.constant(values))


def mixed_precision_engine(network: keras.Model, dtype: np.dtype) -> KerasEngine:
    """Returns an engine for GPUs: a copy of the network in mixed float16 that XLA compiles."""
    copy = keras.models.clone_model(network, clone_function=_in_mixed_precision)
    copy.set_weights(network.get_weights())
    return KerasEngine(
        copy, dtype, num_examples=2**31, jit_compile=True, name=XLA_NAME, precision="float16"
    )


def has_gpu() -> bool:
    """Returns whether TensorFlow is the backend and has a GPU."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def _in_mixed_precision(layer: keras.layers.Layer) -> keras.layers.Layer:
    return type(layer).from_config({**layer.get_config(), "dtype": "mixed_float16"})
