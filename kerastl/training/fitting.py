"""Fitting with Keras: the epochs of one phase."""

import hashlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from kerastl.config.head import Head, columns
from kerastl.data.inputs.batches import Inputs, by_head, make_batches
from kerastl.data.tables.examples import Examples
from kerastl.evaluation.gains import calibrated_loss
from kerastl.heads.builder import find_heads
from kerastl.progress import Progress
from kerastl.training.augmented_inputs import make_augmentation
from kerastl.training.checkpoint_files import CheckpointFolder
from kerastl.training.checkpoints import START, Backup, KeepBest
from kerastl.training.compilation import compile_heads
from kerastl.training.context import TrainingContext
from kerastl.training.distributed_model import DistributedModel
from kerastl.training.evidence import CALIBRATED_LOSS
from kerastl.training.plan import FineTune, FitHeads
from kerastl.training.task_weights import phase_weights, positive_weights

_LOSSES = {"loss": "loss", "val_loss": "in validation", CALIBRATED_LOSS: "calibrated log loss"}


def fit_epochs(
    phase: FitHeads | FineTune,
    model: keras.Model,
    trained: keras.Model,
    inputs: Inputs,
    context: TrainingContext,
    *,
    optimizer: keras.optimizers.Optimizer,
) -> list[dict[str, Any]]:
    """Fits a part of a model; returns a row per epoch: phase, epoch, whether it was kept, figures.

    Epoch 0 is the start, if it counts as an epoch. `trained` is the part that is fitted, from the
    inputs of all examples to the logits of the model's heads; it shares the model's weights.
    """
    examples, heads = context.examples, find_heads(model)
    rows = examples.rows("train")
    compile_heads(
        trained,
        heads,
        optimizer=optimizer,
        from_logits=True,
        label_smoothing=phase.loss.label_smoothing,
        positive_weight=positive_weights(
            phase.loss.positive_weight,
            examples.training_labels[rows],
            examples.tasks,
            examples.unknown_weight,
        ),
        unknown_weight=examples.unknown_weight,
        task_weight=phase_weights(phase, heads, examples.num_known()),
    )
    runner = _runner(trained, heads, context)
    validation = Validation(phase, runner, inputs, examples, heads)
    keeps_start = phase.keeps_start and validation.batches is not None
    evaluate = validation.evaluate if keeps_start else None
    keep_best = KeepBest(patience=phase.patience, progress=context.progress, evaluate=evaluate)
    folder, settings = context.part / phase.name, _settings_hash(phase, trained, context)
    checkpoints = CheckpointFolder(
        context.state / folder, settings=settings, progress=context.progress
    )
    backup = Backup(keep_best, checkpoints)
    with context.scope():
        first_epoch = backup.restore(trained)
    if context.distribution is not None:
        context.distribution.check_agreement(f"{settings} {first_epoch}")
        context.distribution.copy_first(trained)
    context.progress.step(f"Epochs of {phase.name.replace('_', '-')}", phase.epochs)
    runner.fit(
        make_batches(
            inputs,
            by_head(examples.training_labels, heads, examples.tasks),
            rows,
            batch_size=phase.batch_size,
            shuffle_seed=phase.seed,
            first_epoch=first_epoch,
            augment=make_augmentation(phase.augment, inputs),
        ),
        validation_data=validation.batches,
        initial_epoch=first_epoch,
        epochs=first_epoch if keep_best.has_stopped else phase.epochs,
        shuffle=False,
        verbose=0,
        callbacks=[
            validation,
            keep_best,
            backup,
            keras.callbacks.TensorBoard(context.state.parent / "logs" / folder, write_graph=False),
            *([] if phase.uses_features else [EpochNotes(keep_best, len(rows), context.progress)]),
        ],
    )
    return [
        {"phase": phase.name, "epoch": epoch + 1, "kept": epoch == keep_best.best_epoch, **figures}
        for epoch, figures in sorted(keep_best.epochs.items())
    ]


class Validation(keras.callbacks.Callback):
    """The validation examples of a phase; adds their calibrated loss to the figures of an epoch.

    The compiled model has logits as outputs. If the shipped model is not calibrated, nothing is
    added.
    """

    def __init__(
        self,
        phase: FitHeads | FineTune,
        runner: keras.Model | DistributedModel,
        inputs: Inputs,
        examples: Examples,
        heads: Sequence[Head],
    ):
        super().__init__()
        rows = examples.rows("validation")
        self._phase, self._runner = phase, runner
        self._columns = {head.name: columns(head, examples.tasks) for head in heads}
        self._labels = examples.labels[rows]
        self.batches: Any = None  # if any label is known
        if not np.isnan(self._labels).all():
            labels = by_head(examples.labels, heads, examples.tasks)
            self.batches = make_batches(inputs, labels, rows, batch_size=phase.batch_size)

    def evaluate(self) -> dict[str, float]:
        """Returns the figures of the current weights; their names lack `val_`."""
        figures = self._runner.evaluate(self.batches, verbose=0, return_dict=True)
        return {**figures, **self._calibrated()}

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds the calibrated loss for the callbacks that follow."""
        if logs is not None and self.batches is not None:
            logs |= {f"val_{name}": value for name, value in self._calibrated().items()}

    def _calibrated(self) -> dict[str, float]:
        if not self._phase.is_calibrated:
            return {}
        outputs = self._runner.predict(self.batches, verbose=0)
        logits = np.empty(self._labels.shape, np.float32)
        for name, own in self._columns.items():
            logits[:, own] = outputs[name] if isinstance(outputs, Mapping) else outputs
        return {CALIBRATED_LOSS.removeprefix("val_"): calibrated_loss(logits, self._labels)}


class EpochNotes(keras.callbacks.Callback):
    """Notes the losses of each epoch that `KeepBest` keeps, and the speed of its training part."""

    def __init__(self, keep_best: KeepBest, num_examples: int, progress: Progress):
        super().__init__()
        self.keep_best = keep_best
        self.num_examples = num_examples
        self.progress = progress
        self._is_first = True
        self._started = 0.0
        self._seconds: float | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Notes the loss before the first epoch."""
        start = self.keep_best.epochs.get(START)
        if start is not None and len(self.keep_best.epochs) == 1:
            self.progress.note(f"Epoch 0, before fine-tuning: {_losses_text(start)}.")

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Starts the clock."""
        self._started, self._seconds = time.perf_counter(), None

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Stops the clock before validation."""
        self._stop()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Notes the epoch."""
        speed = self.num_examples / max(self._stop(), 1e-9)
        losses = _losses_text(self.keep_best.epochs[epoch])
        tracing = ", including the tracing of the network" if self._is_first else ""
        self._is_first = False
        self.progress.note(
            f"Epoch {epoch + 1} of {self.params['epochs']}: {losses}; "
            f"{speed:,.0f} examples/s{tracing}."
        )

    def _stop(self) -> float:
        if self._seconds is None:
            self._seconds = time.perf_counter() - self._started
        return self._seconds


def _losses_text(figures: Mapping[str, float]) -> str:
    found = [f"{title} {figures[key]:.4f}" for key, title in _LOSSES.items() if key in figures]
    return ", ".join(found)


def _runner(
    trained: keras.Model, heads: Sequence[Head], context: TrainingContext
) -> keras.Model | DistributedModel:
    """Returns what fits and evaluates the compiled model: itself, or its replicas."""
    if context.distribution is None:
        return trained
    weights = {head.name: head.weight for head in heads}
    return DistributedModel(trained, context.distribution, weights)


def _settings_hash(
    phase: FitHeads | FineTune, trained: keras.Model, context: TrainingContext
) -> str:
    """Returns a hash of the settings, shapes, splits, labels and replicas of a phase."""
    examples = context.examples
    shapes = [(tuple(variable.shape), variable.dtype) for variable in trained.variables]
    settings = (phase, shapes, examples.tasks, examples.splits.tolist())
    digest = hashlib.sha256(repr(settings).encode())
    digest.update(repr(dict(examples.unknown_weight) or "").encode())
    if context.distribution is not None:
        digest.update(f"{context.distribution.num_replicas} replicas".encode())
    for labels in (examples.training_labels, examples.labels):
        digest.update(np.ascontiguousarray(labels).tobytes())
    return digest.hexdigest()
