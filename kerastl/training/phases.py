"""One phase of fitting by Keras: compile, batches, early stopping, and what resumes it."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerastl.config import Config, KerasFit
from kerastl.data.inputs.batches import Inputs, Labels, make_batches
from kerastl.data.tables.examples import Examples
from kerastl.heads.head import Head, columns
from kerastl.progress import Progress
from kerastl.training.checkpoints import Backup, KeepBest, next_epoch
from kerastl.training.compilation import compile_heads
from kerastl.training.epoch_notes import EpochNotes
from kerastl.training.imbalance import positive_weights

HEADS_PHASE = "heads"
FINE_TUNING_PHASE = "fine_tuning"


def fit_phase(
    trained: keras.Model,
    inputs: Inputs,
    examples: Examples,
    config: Config,
    *,
    heads: Sequence[Head],
    optimizer: keras.optimizers.Optimizer,
    phase: str,
    state: Path,
    progress: Progress,
    augment: Callable[[Any], Any] | None = None,
    keep_start: bool = False,
) -> list[dict[str, Any]]:
    """Fits a model whose outputs are the heads' logits.

    Args:
        trained: The model; its weights are changed.
        inputs: What goes into it, for all examples.
        examples: Labels and splits.
        config: Says how.
        heads: What its outputs are.
        optimizer: A fresh one.
        phase: Name of the phase, in the history and the logs.
        state: Folder for what an interrupted fit continues from.
        progress: Told what happens.
        augment: Applied to each batch of training inputs.
        keep_start: Whether the weights that it starts from count as an epoch, number 0, and are
            kept where no other is better on validation.

    Returns:
        One row per epoch: phase, epoch and figures.
    """
    fit = config.fit
    assert isinstance(fit, KerasFit)
    folder = state / phase
    compile_heads(
        trained,
        heads,
        optimizer=optimizer,
        from_logits=True,
        label_smoothing=config.loss.label_smoothing,
        positive_weight=positive_weights(
            config.loss.positive_weight,
            examples.training_labels[examples.rows("train")],
            examples.tasks,
        ),
    )
    validation = _validation(inputs, examples, heads, fit.batch_size)
    keep_best = KeepBest(
        folder,
        patience=fit.patience,
        progress=progress,
        evaluate=partial(_evaluate, trained, validation)
        if keep_start and validation is not None
        else None,
    )
    first_epoch = next_epoch(folder)
    through_backbone = phase == FINE_TUNING_PHASE or augment is not None
    progress.step(f"Epochs of {phase.replace('_', '-')}", fit.epochs)
    trained.fit(
        make_batches(
            inputs,
            by_head(examples.training_labels, heads, examples.tasks),
            examples.rows("train"),
            batch_size=fit.batch_size,
            shuffle_seed=fit.seed,
            first_epoch=first_epoch,
            augment=augment,
        ),
        validation_data=validation,
        epochs=first_epoch if keep_best.has_stopped else fit.epochs,
        shuffle=False,
        verbose=0,
        callbacks=[
            keep_best,
            Backup(keep_best),
            keras.callbacks.TensorBoard(state.parent / "logs" / phase, write_graph=False),
            *through_backbone * [EpochNotes(len(examples.rows("train")), progress)],
        ],
    )
    return [
        {"phase": phase, "epoch": epoch + 1, **figures}
        for epoch, figures in sorted(keep_best.epochs.items())
    ]


def by_head(labels: np.ndarray, heads: Sequence[Head], tasks: Sequence[str]) -> Labels:
    """Returns the label matrix as the model's outputs expect it.

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
    known = ~np.isnan(examples.labels[examples.rows("validation")])
    if not known.any():
        return None
    return make_batches(
        inputs,
        by_head(examples.labels, heads, examples.tasks),
        examples.rows("validation"),
        batch_size=batch_size,
    )
