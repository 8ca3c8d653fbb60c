"""Fitting and evaluating a model whose replicas share each batch.

Convention: batches and their losses are those of one device. Each replica passes its share of a
batch through the network. The outputs are gathered, the loss and its gradient with respect to the
outputs are computed for the whole batch, and each replica backpropagates its share of it. So the
denominators of the loss and the figures of an epoch do not depend on the number of replicas.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerastl.training.distribution import Distribution, gathered


class DistributedModel:
    """Fits and evaluates a compiled model on all replicas, with the methods of a Keras model.

    `weights` are those of the losses by head. Variables of the model and of its optimizer were
    created in the scope of the distribution, the model itself and its metrics outside of it.
    """

    def __init__(
        self, model: keras.Model, distribution: Distribution, weights: Mapping[str, float]
    ):
        self._model = model
        self._distribution = distribution
        losses = (
            model.loss if isinstance(model.loss, Mapping) else dict.fromkeys(weights, model.loss)
        )
        self._losses = [(name, losses[name], weight) for name, weight in weights.items()]
        names = [f"{name}_loss" for name in weights] if len(weights) > 1 else []
        self._means = {name: keras.metrics.Mean() for name in ("loss", *names)}
        self._record: Any = None

    def fit(
        self,
        batches: tf.data.Dataset,
        *,
        validation_data: tf.data.Dataset | None,
        initial_epoch: int,
        epochs: int,
        callbacks: Sequence[keras.callbacks.Callback],
        **_: Any,
    ) -> None:
        """Trains the model; batches are not shuffled, and nothing is printed."""
        model = self._model
        model.stop_training = False
        watchers = keras.callbacks.CallbackList(callbacks, model=model, epochs=epochs, verbose=0)
        step = tf.function(self._step, input_signature=batches.element_spec, autograph=False)
        watchers.on_train_begin()
        for epoch in range(initial_epoch, epochs):
            self._reset()
            watchers.on_epoch_begin(epoch)
            for number, (x, y) in enumerate(batches):
                watchers.on_train_batch_begin(number)
                self._record_batch(y, *step(x, y))
                watchers.on_train_batch_end(number)
            logs = self._figures()
            if validation_data is not None:
                watchers.on_test_begin()
                found = self.evaluate(validation_data)
                watchers.on_test_end()
                logs |= {f"val_{name}": value for name, value in found.items()}
            watchers.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
        watchers.on_train_end()

    def evaluate(self, batches: tf.data.Dataset, **_: Any) -> dict[str, float]:
        """Returns loss and metrics, with the names that Keras gives them."""
        self._reset()
        for x, y in batches:
            self._record_batch(y, *self._forward(x))
        return self._figures()

    def predict(self, batches: tf.data.Dataset, **_: Any) -> Any:
        """Returns the outputs for all examples, as arrays."""
        found = [self._forward(x)[0] for x, _ in batches]
        return tf.nest.map_structure(lambda *parts: np.concatenate(parts), *found)

    def _figures(self) -> dict[str, float]:
        """Returns the results of the metrics in the order in which Keras returns them."""
        means = {name: mean.result() for name, mean in self._means.items()}
        results = sorted((self._model.get_metrics_result() | means).items())
        return {name: float(value) for name, value in results}

    def _reset(self) -> None:
        self._model.reset_metrics()
        for mean in self._means.values():
            mean.reset_state()

    @cached_property
    def _forward(self) -> Callable[[Any], tuple[Any, Any]]:
        """Returns a function from a batch of inputs to its outputs and the penalties."""
        distribution, model = self._distribution, self._model

        def forward(x: Any) -> tuple[Any, Any]:
            outputs = model(distribution.share(x)[0], training=False)
            return _whole(outputs, tf.shape(x)[0]), _penalty(model)

        raw = model.inputs[0]
        spec = tf.TensorSpec((None, *raw.shape[1:]), tf.float32)
        return tf.function(
            lambda x: distribution.run(forward, x), input_signature=[spec], autograph=False
        )

    def _step(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Trains on a batch; returns its outputs, and the penalties of the weights before."""
        return self._distribution.run(self._replica_step, x, y)

    def _replica_step(self, x: Any, y: Any) -> tuple[Any, Any]:
        model = self._model
        inputs, rows, is_counted = self._distribution.share(x)
        with tf.GradientTape() as tape:
            own = model(inputs, training=True)
            penalty = _penalty(model)
            share_of_penalty = penalty / self._distribution.num_replicas
        outputs = _whole(own, tf.shape(x)[0])
        with tf.GradientTape() as loss_tape:
            loss_tape.watch(outputs)
            loss, _ = self._losses_of(y, outputs)
        slopes = [
            tf.where(is_counted[:, None], tf.gather(slope, rows), tf.zeros((), slope.dtype))
            for slope in tf.nest.flatten(loss_tape.gradient(loss, outputs))
        ]
        gradients = tape.gradient(
            [*tf.nest.flatten(own), share_of_penalty],
            [weight.value for weight in model.trainable_variables],
            output_gradients=[*slopes, tf.ones(())],
        )
        model.optimizer.apply(gradients, model.trainable_variables)
        return outputs, penalty

    def _losses_of(self, y: Any, outputs: Any) -> tuple[Any, list[Any]]:
        """Returns the loss of a whole batch without penalties, and that of each head."""
        pairs = [
            (y[name], outputs[name]) if isinstance(y, Mapping) else (y, outputs)
            for name, _, _ in self._losses
        ]
        found = [
            tf.reduce_mean(loss.call(labels, values))
            for (_, loss, _), (labels, values) in zip(self._losses, pairs, strict=True)
        ]
        weights = [weight for _, _, weight in self._losses]
        return tf.add_n([w * value for w, value in zip(weights, found, strict=True)]), found

    def _record_batch(self, y: Any, outputs: Any, penalty: Any) -> None:
        """Updates the metrics; the first batch, after a reset, creates their variables."""
        if self._record is None:
            self._model.compute_metrics(None, y, outputs)
            self._model.reset_metrics()
            specs = tf.nest.map_structure(
                lambda values: tf.TensorSpec((None, *values.shape[1:]), values.dtype), (y, outputs)
            )
            self._record = tf.function(
                self._update_metrics,
                input_signature=(*specs, tf.TensorSpec(())),
                autograph=False,
            )
        self._record(y, outputs, penalty)

    def _update_metrics(self, y: Any, outputs: Any, penalty: Any) -> None:
        """Updates the metrics by a batch; as in Keras, its size weighs only the whole loss."""
        loss, of_heads = self._losses_of(y, outputs)
        size = tf.shape(tf.nest.flatten(y)[0])[0]
        whole, *means = self._means.values()
        whole.update_state(loss + penalty, sample_weight=size)
        for mean, value in zip(means, of_heads[: len(means)], strict=True):
            mean.update_state(value)
        self._model.compute_metrics(None, y, outputs)


def _penalty(model: keras.Model) -> Any:
    """Returns the sum of the losses that the last call of the model has added."""
    return tf.add_n([tf.cast(loss, tf.float32) for loss in model.losses] or [tf.zeros(())])


def _whole(own: Any, size: Any) -> Any:
    """Returns the outputs of the whole batch, given those of the calling replica."""

    def whole(values: Any) -> Any:
        return tf.ensure_shape(gathered(values)[:size], (None, *values.shape[1:]))

    return tf.nest.map_structure(whole, own)
