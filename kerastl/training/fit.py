"""Fitting: the heads on constant features, then what the policy lets learn.

Convention: what is fitted are the logits, because probabilities saturate; the model that ships
shares the weights and ends in the sigmoid.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerastl.config import Config, ExactFit, KerasFit
from kerastl.data.batches import ArrayInputs, Inputs, Labels, make_batches
from kerastl.heads.builder import apply_policy, find_heads, find_layer, head_model, logits_model
from kerastl.heads.head import Head, columns
from kerastl.progress import Progress
from kerastl.training.augmentation import make_augmentation
from kerastl.training.checkpoints import KeepBest, backup, next_epoch
from kerastl.training.compilation import compile_heads
from kerastl.training.features import extract_features
from kerastl.training.imbalance import positive_weights
from kerastl.training.solver import ExactHead, solve_head
from kerastl.training.trainable import make_optimizer, trainable_parts

HEADS_PHASE = "heads"
FINE_TUNING_PHASE = "fine_tuning"


@dataclass(frozen=True, kw_only=True)
class Examples:
    """What a model is fitted on.

    Args:
        inputs: Raw inputs of all examples.
        labels: `(examples, tasks)` for validation and scores, NaN where unknown.
        training_labels: The same as the loss sees them.
        groups: Group of each example, or None.
        tasks: Names of the columns.
        train: Indices of the training examples.
        validation: Indices of the validation examples; may be empty.
    """

    inputs: Inputs
    labels: np.ndarray
    training_labels: np.ndarray
    groups: np.ndarray | None
    tasks: tuple[str, ...]
    train: np.ndarray
    validation: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """What fitting found besides the weights, which are in the model.

    Args:
        history: One row per epoch: phase, epoch and figures.
        features: Features of all examples where the backbone stayed frozen, else None.
        exact: The exact head, where one was solved.
        learned: The table of what learned, as lines of text.
    """

    history: list[dict[str, Any]] = field(default_factory=list)
    features: np.ndarray | None = None
    exact: ExactHead | None = None
    learned: tuple[str, ...] = ()


def fit_model(
    model: keras.Model, examples: Examples, config: Config, *, state: Path, progress: Progress
) -> Fitted:
    """Fits the heads, then, if the policy says so, the backbone.

    Args:
        model: A model of `kerastl.build_model`; its weights are changed.
        examples: What to learn from.
        config: Says how.
        state: Folder for what an interrupted fit continues from.
        progress: Told what happens.
    """
    frozen = config.trainable is False
    apply_policy(find_layer(model), False)
    if frozen and config.augment is not None:
        history = _fit_keras(model, examples, config, state=state, progress=progress)
        return Fitted(history=history, learned=learning_table(model, config))
    fitted = _fit_heads(model, examples, config, state=state, progress=progress)
    if frozen:
        return fitted
    apply_policy(find_layer(model), config.trainable)
    history = _fit_keras(model, examples, config, state=state, progress=progress)
    return Fitted(
        history=[*fitted.history, *history],
        exact=fitted.exact,
        learned=learning_table(model, config),
    )


def learning_table(model: keras.Model, config: Config) -> tuple[str, ...]:
    """Returns a line per part of the model: its weights, how many learn, at which rate."""
    lines = [f"{'part':<28}{'weights':>12}{'learn':>12}  rate"]
    for part in trainable_parts(model):
        rate = "-" if not part.num_trainable else _rate_text(part.name, config)
        lines.append(f"{part.name:<28}{part.num_params:>12,}{part.num_trainable:>12,}  {rate}")
    return tuple(lines)


def _rate_text(part: str, config: Config) -> str:
    if isinstance(config.fit, ExactFit):
        return "exact"
    is_backbone = part.startswith("backbone")
    return f"{config.fit.backbone_learning_rate if is_backbone else config.fit.learning_rate:g}"


def _fit_heads(
    model: keras.Model, examples: Examples, config: Config, *, state: Path, progress: Progress
) -> Fitted:
    features = extract_features(find_layer(model).model, examples.inputs, progress=progress).values
    learned = learning_table(model, config)
    if all(head.is_linear for head in find_heads(model)) and _is_exact(config):
        exact = _solve(model, features, examples, config, progress)
        return Fitted(features=features, exact=exact, learned=learned)
    fit = config.fit
    assert isinstance(fit, KerasFit)
    history = _fit_phase(
        head_model(model),
        ArrayInputs(features),
        examples,
        config,
        heads=find_heads(model),
        optimizer=keras.optimizers.Adam(fit.learning_rate),
        phase=HEADS_PHASE,
        state=state,
        progress=progress,
    )
    return Fitted(features=features, history=history, learned=learned)


def _is_exact(config: Config) -> bool:
    """Whether linear heads are solved: where asked for, and always before fine-tuning."""
    return isinstance(config.fit, ExactFit) or config.trainable is not False


def _solve(
    model: keras.Model,
    features: np.ndarray,
    examples: Examples,
    config: Config,
    progress: Progress,
) -> ExactHead:
    fit = config.fit
    exact = fit if isinstance(fit, ExactFit) else ExactFit(seed=fit.seed)
    rows = examples.train
    labels = examples.training_labels[rows]
    weights = positive_weights(config.loss.positive_weight, labels, examples.tasks)
    progress.step("Solving the head", None)
    solved = solve_head(
        features[rows],
        labels,
        groups=None if examples.groups is None else examples.groups[rows],
        regularization=exact.regularization,
        num_folds=exact.folds,
        label_smoothing=config.loss.label_smoothing,
        positive_weight=[weights.get(task, 1.0) for task in examples.tasks],
        seed=exact.seed,
    )
    for head in find_heads(model):
        chosen = columns(head, examples.tasks)
        model.get_layer(head.logits_name).set_weights(
            [solved.kernel[:, chosen], solved.bias[chosen]]
        )
    return solved


def _fit_keras(
    model: keras.Model, examples: Examples, config: Config, *, state: Path, progress: Progress
) -> list[dict[str, Any]]:
    fit = config.fit
    assert isinstance(fit, KerasFit)
    frozen = config.trainable is False
    return _fit_phase(
        logits_model(model),
        examples.inputs,
        examples,
        config,
        heads=find_heads(model),
        optimizer=make_optimizer(
            model,
            "adam",
            learning_rate=fit.learning_rate,
            backbone_learning_rate=None if frozen else fit.backbone_learning_rate,
        ),
        phase=HEADS_PHASE if frozen else FINE_TUNING_PHASE,
        state=state,
        progress=progress,
        augment=make_augmentation(config.augment, seed=fit.seed),
    )


def _fit_phase(
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
) -> list[dict[str, Any]]:
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
            config.loss.positive_weight, examples.training_labels[examples.train], examples.tasks
        ),
    )
    keep_best = KeepBest(folder, patience=fit.patience, progress=progress)
    first_epoch = next_epoch(folder)
    progress.step(f"Epochs of {phase.replace('_', '-')}", fit.epochs)
    trained.fit(
        make_batches(
            inputs,
            by_head(examples.training_labels, heads, examples.tasks),
            examples.train,
            batch_size=fit.batch_size,
            shuffle_seed=fit.seed,
            first_epoch=first_epoch,
            augment=augment,
        ),
        validation_data=_validation(inputs, examples, heads, fit.batch_size),
        epochs=fit.epochs,
        shuffle=False,
        verbose=0,
        callbacks=[
            keep_best,
            backup(folder),
            keras.callbacks.TensorBoard(state.parent / "logs" / phase, write_graph=False),
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


def _validation(inputs: Inputs, examples: Examples, heads: Sequence[Head], batch_size: int) -> Any:
    known = ~np.isnan(examples.labels[examples.validation])
    if not known.any():
        return None
    return make_batches(
        inputs,
        by_head(examples.labels, heads, examples.tasks),
        examples.validation,
        batch_size=batch_size,
    )


def predict_logits(
    model: keras.Model,
    inputs: Inputs,
    tasks: Sequence[str],
    *,
    features: np.ndarray | None = None,
    batch_size: int = 32,
    progress: Progress | None = None,
) -> np.ndarray:
    """Returns the logits of every example in the precision of the shipped model.

    Args:
        model: A model of `kerastl.build_model`.
        inputs: Raw inputs of all examples.
        tasks: Order of the columns.
        features: Features of all examples where they are known already.
        batch_size: Examples per pass.
        progress: Told how many examples are done.

    Returns:
        `(examples, tasks)` float32.
    """
    network = head_model(model) if features is not None else logits_model(model)
    source: Inputs = ArrayInputs(features) if features is not None else inputs
    heads = find_heads(model)
    logits = np.full((len(source), len(tasks)), math.nan, np.float32)
    for begin in range(0, len(source), batch_size):
        rows = np.arange(begin, min(begin + batch_size, len(source)))
        outputs = network.predict_on_batch(source.take(rows).astype(np.float32))
        for head in heads:
            values = outputs[head.name] if isinstance(outputs, Mapping) else outputs
            logits[np.ix_(rows, columns(head, tasks))] = values
        if progress is not None:
            progress.advance(int(rows[-1]) + 1)
    return logits
