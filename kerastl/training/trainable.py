"""Trainable weights and their learning rates.

Convention: flags and optimizer change together. A compiled model whose flags change is compiled
again with a new optimizer, because the old one would ignore the change.
"""

import re
from typing import Any, TypeAlias

import keras

from kerastl.errors import ModelError
from kerastl.heads.builder import apply_policy, find_heads, find_layer
from kerastl.heads.head import Head

Rate: TypeAlias = float | keras.optimizers.schedules.LearningRateSchedule


def set_trainable(
    model: keras.Model,
    policy: Any,
    *,
    learning_rate: float | None = None,
    backbone_learning_rate: float | None = None,
) -> None:
    """Sets which weights of a model are trainable; the heads always are.

    A compiled model is compiled again, with the same loss, weights and metrics and a new optimizer
    of the same class.

    Args:
        model: A model of `kerastl.build_model`.
        policy: False: the backbone is frozen, with BatchNorm and Dropout in inference mode. True:
            all of its weights. `{"stages": n}`: the last n stages. `{"variables": pattern}`: the
            variables whose path matches. With `"batch_norm": "update"`, the statistics of BatchNorm
            follow the new data.
        learning_rate: Learning rate of the heads; None keeps the optimizer's.
        backbone_learning_rate: Learning rate of the backbone; None keeps the heads' rate.

    Raises:
        ModelError: The policy is unknown, or the backbone lacks what it names.

    Example:

    ```python
    kerastl.set_trainable(model, {"stages": 2}, learning_rate=1e-3, backbone_learning_rate=1e-5)
    ```

    Reference:
        Kumar et al. (2022), "Fine-Tuning can Distort Pretrained Features and Underperform
        Out-of-Distribution", https://arxiv.org/abs/2202.10054
    """
    apply_policy(find_layer(model), policy)
    if model.compiled:
        _recompile(model, learning_rate, backbone_learning_rate)


def make_optimizer(
    model: keras.Model,
    optimizer: str | keras.optimizers.Optimizer,
    *,
    learning_rate: Rate | None,
    backbone_learning_rate: Rate | None,
) -> keras.optimizers.Optimizer:
    """Returns a new optimizer, optionally with a separate learning rate for the backbone.

    Args:
        model: The model to optimize.
        optimizer: A name of Keras, or an optimizer whose settings are copied.
        learning_rate: Learning rate of the heads, or a schedule; None keeps the optimizer's.
        backbone_learning_rate: Learning rate of the backbone, or a schedule; None is the heads'.
    """
    heads_optimizer = _fresh(optimizer, learning_rate)
    if backbone_learning_rate is None:
        return heads_optimizer
    rates = keras.optimizers.OptimizerMap(_fresh(optimizer, backbone_learning_rate))
    names = [name for head in find_heads(model) for name in head_layer_names(model, head)]
    rates[f"({'|'.join(map(re.escape, names))})/.*"] = heads_optimizer
    return keras.optimizers.MultiOptimizer(rates)


def head_layer_names(model: keras.Model, head: Head) -> list[str]:
    """Returns the names of the layers of a head."""
    prefixes = tuple(head.name + suffix for suffix in ("_logits", "_hidden_", "_dropout"))
    return [layer.name for layer in model.layers if layer.name.startswith(prefixes)]


def _optimizers_by_path(optimizer: keras.optimizers.MultiOptimizer) -> Any:
    """Returns a copy of the map from a variable to its optimizer, with the current rates."""
    return keras.saving.deserialize_keras_object(optimizer.get_config()["optimizer_map"])


def _fresh(
    optimizer: str | keras.optimizers.Optimizer, learning_rate: Rate | None
) -> keras.optimizers.Optimizer:
    settings = keras.optimizers.get(optimizer).get_config()
    kind = type(keras.optimizers.get(optimizer))
    if learning_rate is not None:
        settings["learning_rate"] = learning_rate
    settings.pop("name", None)
    return kind.from_config(settings)


def _first_head_kernel(model: keras.Model) -> Any:
    return model.get_layer(find_heads(model)[0].logits_name).kernel


def _recompile(
    model: keras.Model, learning_rate: float | None, backbone_learning_rate: float | None
) -> None:
    config = model.get_compile_config()
    if config is None:
        raise ModelError(
            "The model cannot be compiled again.",
            expected="a model compiled with losses and metrics that Keras can serialize",
            fix="Call kerastl.set_trainable before compile.",
        )
    optimizer = model.optimizer
    if isinstance(optimizer, keras.optimizers.MultiOptimizer):
        optimizer = _optimizers_by_path(optimizer)(_first_head_kernel(model))
    settings = {
        key: keras.saving.deserialize_keras_object(value) if key != "optimizer" else None
        for key, value in config.items()
    }
    settings["optimizer"] = make_optimizer(
        model,
        optimizer,
        learning_rate=learning_rate,
        backbone_learning_rate=backbone_learning_rate,
    )
    model.compile(**settings)
