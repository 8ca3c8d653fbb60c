"""Early stopping that survives an interruption, and the history of the epochs.

Convention: a training that continues from a checkpoint gives the same bits as one that was not
interrupted. If epochs are short, not every one is written: writing takes at most a twentieth of the
time, and the epochs since the last writing are repeated.
"""

import math
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerastl.errors import RunError
from kerastl.progress import Progress
from kerastl.training.checkpoint_files import Checkpoint, CheckpointFolder
from kerastl.training.evidence import ranking

START = -1  # epoch number of the weights that training starts from
_WRITING_SHARE = 0.05
_STATEFUL = {  # operations of TensorFlow that keep their state in themselves
    "Multinomial",
    "ParameterizedTruncatedNormal",
    "RandomGamma",
    "RandomPoisson",
    "RandomPoissonV2",
    "RandomShuffle",
    "RandomStandardNormal",
    "RandomUniform",
    "RandomUniformInt",
    "TruncatedNormal",
}


class KeepBest(keras.callbacks.Callback):
    """Keeps the weights of the epoch with the lowest ranking loss, and stops early.

    The ranking loss is that of `kerastl.training.evidence.ranking`. Losses are those of the labels,
    without the penalties of the weights. The validation loss is a sum over examples divided by
    their number, so it does not depend on the batches. Without any validation loss, the last epoch
    is kept. `Backup` writes the state. Without patience, training never stops early. `evaluate`
    returns the figures of the starting weights, which count as an epoch only if it is given.
    """

    def __init__(
        self,
        *,
        patience: int | None,
        progress: Progress,
        evaluate: Callable[[], dict[str, float]] | None = None,
    ):
        super().__init__()
        self.evaluate = evaluate
        self.patience = patience
        self.progress = progress
        self.epochs: dict[int, dict[str, float]] = {}
        self.best: list[np.ndarray] = []  # weights
        self._penalties: list[float] = []  # of the batches of the epoch

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Keeps the starting weights, unless training is resumed."""
        if self.evaluate is not None and not self.epochs:
            figures = {f"val_{name}": float(value) for name, value in self.evaluate().items()}
            self.epochs[START] = self._without_penalties(figures)
            self.best = self.model.get_weights()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Forgets the penalties of the last epoch."""
        self._penalties = []

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Keeps the penalties of the weights with which the batch is predicted."""
        self._penalties.append(self._penalty())

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keeps the figures of the epoch, and its weights if they are the best so far."""
        figures = {name: float(value) for name, value in (logs or {}).items()}
        self.epochs[epoch] = self._without_penalties(figures)
        if self.best_epoch == epoch:
            self.best = self.model.get_weights()
        self.progress.advance(epoch + 1)
        if self.has_stopped:
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Restores the best weights."""
        if self.best:
            self.model.set_weights(self.best)

    @property
    def has_stopped(self) -> bool:
        """Whether the ranking loss has not improved for `patience` epochs."""
        if self.patience is None or not self.epochs:
            return False
        return max(self.epochs) - max(self.best_epoch, 0) >= self.patience  # START is not an epoch

    @property
    def is_last(self) -> bool:
        """Whether the epoch that has just ended is the last one."""
        return self.has_stopped or max(self.epochs) + 1 >= self.params["epochs"]

    @property
    def best_epoch(self) -> int:
        """Number of the epoch with the lowest ranking loss, from 0."""
        losses = {e: logs.get(ranking(logs), -float(e)) for e, logs in self.epochs.items()}
        return min(losses, key=lambda e: (math.isnan(losses[e]), losses[e], e))

    def _without_penalties(self, figures: dict[str, float]) -> dict[str, float]:
        """Subtracts the penalties of the weights, which Keras adds.

        Those in `loss` are of the weights before each batch, those in `val_loss` of the current
        ones.
        """
        penalties = {"val_loss": self._penalty()}
        if self._penalties:
            penalties["loss"] = float(np.mean(self._penalties))
        return {name: value - penalties.get(name, 0.0) for name, value in figures.items()}

    def _penalty(self) -> float:
        penalized = [v for v in self.model.trainable_variables if v.regularizer is not None]
        return sum(float(keras.ops.convert_to_numpy(v.regularizer(v))) for v in penalized)


class Backup(keras.callbacks.Callback):
    """Writes checkpoints and continues from the last one; it follows `KeepBest` in the callbacks.

    It always writes after the last epoch.
    """

    def __init__(self, keep_best: KeepBest, folder: CheckpointFolder):
        super().__init__()
        self._keep_best = keep_best
        self._folder = folder
        self._written = -math.inf
        self._cost = 0.0

    def restore(self, model: keras.Model) -> int:
        """Gives a model the state of the last checkpoint; returns the next epoch, from 0."""
        model.optimizer.build(model.trainable_variables)
        stored = self._folder.read()
        if stored is None:
            return 0
        if unstored := _unstored_randomness(model):
            raise RunError(
                "The training cannot be continued exactly, because a layer of the backbone draws "
                "random numbers whose state cannot be stored.",
                where=str(self._folder.folder),
                expected="layers with a keras.random.SeedGenerator as an attribute",
                received=", ".join(unstored),
                fix="Train again in another folder.",
            )
        for variable, value in zip(_variables(model), stored.variables, strict=True):
            variable.assign(value)
        self._keep_best.epochs = stored.epochs
        self._keep_best.best = stored.best or model.get_weights()
        return max(stored.epochs) + 1

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes if enough time has passed since the last writing."""
        started = time.perf_counter()
        if not self._keep_best.is_last and started - self._written < self._cost / _WRITING_SHARE:
            return
        best = [] if self._keep_best.best_epoch == epoch else self._keep_best.best
        variables = [np.asarray(variable.numpy()) for variable in _variables(self.model)]
        self._folder.write(
            Checkpoint(epochs=self._keep_best.epochs, variables=variables, best=best)
        )
        self._written = time.perf_counter()
        self._cost = self._written - started


def _variables(model: keras.Model) -> list[keras.Variable]:
    """Returns everything that training changes.

    The variables of a model include the states of all seed generators of its layers, nested ones
    too; those of an optimizer include its position in a schedule.
    """
    return [*model.variables, *model.optimizer.variables]


def _unstored_randomness(model: keras.Model) -> list[str]:
    """Returns the random operations, and states outside the model, of a pass in training mode.

    A training is continued exactly only if every random state is a variable of the model, as that
    of a `keras.random.SeedGenerator` that a layer has as an attribute. On other backends than
    TensorFlow nothing is found.
    """
    if keras.backend.backend() != "tensorflow":
        return []

    @tf.function(autograph=False)
    def call(inputs: Any) -> Any:
        return model(inputs, training=True)

    raw = model.inputs[0]
    graph = call.get_concrete_function(tf.TensorSpec((None, *raw.shape[1:]), raw.dtype)).graph
    definition = graph.as_graph_def()
    bodies = [definition.node, *(function.node_def for function in definition.library.function)]
    operations = {node.op for body in bodies for node in body} & _STATEFUL
    replicas = tf.distribute.get_strategy().experimental_local_results
    stored = {id(one) for variable in model.variables for one in replicas(variable.value)}
    others = [variable.name for variable in graph.variables if id(variable) not in stored]
    return [*sorted(operations), *(name for name in others if "seed_generator_state" in name)]
