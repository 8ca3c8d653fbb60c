"""Compilation of a model with the loss, weight and metrics of its heads."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from kerastl.config.head import Head
from kerastl.errors import ModelError
from kerastl.heads.builder import find_heads
from kerastl.losses import MaskedBinaryCrossentropy
from kerastl.metrics import MaskedAUC, MaskedBinaryAccuracy, MaskedLogLoss
from kerastl.training.trainable import make_optimizer

TaskValues = float | Mapping[str, float] | None  # for all tasks or by task; None is 1


def compile(
    model: keras.Model,
    optimizer: str | keras.optimizers.Optimizer = "adam",
    *,
    learning_rate: float | None = None,
    backbone_learning_rate: float | None = None,
    label_smoothing: float = 0.0,
    positive_weight: TaskValues = None,
    normalize_by: str = "examples",
    task_weight: TaskValues = None,
    unknown_weight: TaskValues = None,
    **settings: Any,
) -> None:
    """Compiles a model with a loss and metrics that ignore unknown labels.

    Args:
        model: A model of `kerastl.build_model`.
        optimizer: Name of a Keras optimizer, or an optimizer.
        learning_rate: Learning rate of the heads; None keeps the optimizer's.
        backbone_learning_rate: Learning rate of the trainable part of the backbone; None is the
            heads' rate.
        label_smoothing: Share by which labels are moved towards 0.5, in [0, 1).
        positive_weight: Weight of positive labels, for all tasks or by task.
        normalize_by: Denominator of the loss, see `kerastl.losses.MaskedBinaryCrossentropy`.
        task_weight: Weight of the loss of a task, for all tasks or by task.
        unknown_weight: Weight with which an unknown label counts as "no", in [0, 1], for all tasks
            or by task, 0 for the others; see `kerastl.losses.MaskedBinaryCrossentropy`.
        **settings: Other arguments of `keras.Model.compile`.

    Raises:
        ModelError: The model has no heads, or a weight does not belong to a task.

    Example:

    ```python
    kerastl.compile(model, "adam", learning_rate=1e-3)
    model.fit(data.train, validation_data=data.validation, epochs=5)
    ```
    """
    compile_heads(
        model,
        find_heads(model),
        optimizer=make_optimizer(
            model,
            optimizer,
            learning_rate=learning_rate,
            backbone_learning_rate=backbone_learning_rate,
        ),
        from_logits=False,
        label_smoothing=label_smoothing,
        positive_weight=positive_weight,
        normalize_by=normalize_by,
        task_weight=task_weight,
        unknown_weight=unknown_weight,
        **settings,
    )


def compile_heads(
    model: keras.Model,
    heads: Sequence[Head],
    *,
    optimizer: keras.optimizers.Optimizer,
    from_logits: bool,
    label_smoothing: float = 0.0,
    positive_weight: TaskValues = None,
    normalize_by: str = "examples",
    task_weight: TaskValues = None,
    unknown_weight: TaskValues = None,
    **settings: Any,
) -> None:
    """Compiles a model whose outputs are probabilities or logits of these heads."""
    _refuse_unknown_weights("positive", positive_weight, heads)
    _refuse_unknown_weights("task", task_weight, heads)
    _refuse_unknown_weights("unknown", unknown_weight, heads)
    losses = {
        head.name: MaskedBinaryCrossentropy(
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            positive_weight=_of_head(positive_weight, head),
            normalize_by=normalize_by,
            task_weight=_of_head(task_weight, head),
            unknown_weight=_of_head(unknown_weight, head, default=0.0),
        )
        for head in heads
    }
    metrics = {
        head.name: [
            MaskedLogLoss(name="log_loss", from_logits=from_logits),
            MaskedAUC(name="auc", from_logits=from_logits),
            MaskedBinaryAccuracy(name="accuracy", from_logits=from_logits),
        ]
        for head in heads
    }
    weights = {head.name: head.weight for head in heads}
    single = len(heads) == 1
    name = heads[0].name
    model.compile(
        optimizer=optimizer,
        loss=losses[name] if single else losses,
        loss_weights=[weights[name]] if single else weights,
        metrics=metrics[name] if single else metrics,
        **settings,
    )


def _of_head(weight: TaskValues, head: Head, *, default: float = 1.0) -> float | list[float] | None:
    if not isinstance(weight, Mapping):
        return weight
    return [float(weight.get(task, default)) for task in head.tasks]


def _refuse_unknown_weights(kind: str, weight: TaskValues, heads: Sequence[Head]) -> None:
    if not isinstance(weight, Mapping):
        return
    tasks = [task for head in heads for task in head.tasks]
    unknown = sorted(set(weight) - set(tasks))
    if unknown:
        raise ModelError(
            f"A {kind} weight does not belong to a task of the model.",
            expected=", ".join(tasks),
            received=", ".join(unknown),
        )
