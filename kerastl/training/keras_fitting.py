"""Epochs of Keras: compile, batches, early stopping, and the state to resume from."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np

from kerastl.data.inputs.batches import Inputs, Labels, make_batches
from kerastl.data.tables.examples import Examples
from kerastl.heads.builder import find_heads
from kerastl.heads.head import Head, columns
from kerastl.training.augmented_inputs import make_augmentation
from kerastl.training.checkpoints import Backup, KeepBest, next_epoch
from kerastl.training.compilation import compile_heads
from kerastl.training.context import TrainingContext
from kerastl.training.epoch_notes import EpochNotes
from kerastl.training.imbalance import positive_weights
from kerastl.training.plan import FineTune, FitHeads


def fit_epochs(
    phase: FitHeads | FineTune,
    model: keras.Model,
    trained: keras.Model,
    inputs: Inputs,
    context: TrainingContext,
    *,
    optimizer: keras.optimizers.Optimizer,
) -> list[dict[str, Any]]:
    """Fits a part of a model whose outputs are the logits of the model's heads.

    Args:
        phase: Settings of the phase.
        model: The whole model.
        trained: The part that is fitted; it shares the model's weights, which are changed.
        inputs: Inputs of that part, for all examples.
        context: Examples, state and progress.
        optimizer: An optimizer without state.

    Returns:
        One row per epoch with phase, epoch and figures.
    """
    examples, heads = context.examples, find_heads(model)
    rows = examples.rows("train")
    labels = examples.training_labels[rows]
    compile_heads(
        trained,
        heads,
        optimizer=optimizer,
        from_logits=True,
        label_smoothing=phase.loss.label_smoothing,
        positive_weight=positive_weights(phase.loss.positive_weight, labels, examples.tasks),
    )
    folder = context.state / phase.name
    validation = _validation(inputs, examples, heads, phase.batch_size)
    keep_best = KeepBest(
        folder,
        patience=phase.patience,
        progress=context.progress,
        evaluate=partial(_evaluate, trained, validation)
        if phase.keeps_start and validation is not None
        else None,
    )
    first_epoch = next_epoch(folder)
    context.progress.step(f"Epochs of {phase.name.replace('_', '-')}", phase.epochs)
    trained.fit(
        make_batches(
            inputs,
            by_head(examples.training_labels, heads, examples.tasks),
            rows,
            batch_size=phase.batch_size,
            shuffle_seed=phase.seed,
            first_epoch=first_epoch,
            augment=make_augmentation(phase.augment, inputs, seed=phase.seed),
        ),
        validation_data=validation,
        epochs=first_epoch if keep_best.has_stopped else phase.epochs,
        shuffle=False,
        verbose=0,
        callbacks=[
            keep_best,
            Backup(keep_best),
            keras.callbacks.TensorBoard(
                context.state.parent / "logs" / phase.name, write_graph=False
            ),
            *([] if phase.uses_features else [EpochNotes(len(rows), context.progress)]),
        ],
    )
    return [
        {"phase": phase.name, "epoch": epoch + 1, **figures}
        for epoch, figures in sorted(keep_best.epochs.items())
    ]


def by_head(labels: np.ndarray, heads: Sequence[Head], tasks: Sequence[str]) -> Labels:
    """Returns the label matrix in the structure of the model's outputs.

    Args:
        labels: `(examples, tasks)`.
        heads: Heads of the model.
        tasks: Names of the columns.
    """
    split: Mapping[str, np.ndarray] = {head.name: labels[:, columns(head, tasks)] for head in heads}
    return split if len(split) > 1 else next(iter(split.values()))


def _evaluate(trained: keras.Model, validation: Any) -> dict[str, float]:
    figures = trained.evaluate(validation, verbose=0, return_dict=True)
    return {name: float(value) for name, value in figures.items()}


def _validation(inputs: Inputs, examples: Examples, heads: Sequence[Head], batch_size: int) -> Any:
    rows = examples.rows("validation")
    if np.isnan(examples.labels[rows]).all():
        return None
    labels = by_head(examples.labels, heads, examples.tasks)
    return make_batches(inputs, labels, rows, batch_size=batch_size)
