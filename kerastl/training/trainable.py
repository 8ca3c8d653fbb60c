"""Trainable weights and their learning rates.

Convention: flags and optimizer change together. A compiled model whose flags change is compiled
again with a new optimizer, because the old one would ignore the change.
"""

import math
import re
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import keras

from kerastl.config.head import Head
from kerastl.errors import ModelError
from kerastl.heads.builder import apply_policy, backbone_of, find_heads, find_layer
from kerastl.training.solving import ModelPart

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

    The settings of an optimizer that is given are copied. A learning rate of None is that of the
    optimizer, and for the backbone that of the heads.
    """
    heads_optimizer = _fresh(optimizer, learning_rate)
    if backbone_learning_rate is None:
        return heads_optimizer
    rates = keras.optimizers.OptimizerMap(_fresh(optimizer, backbone_learning_rate))
    names = [name for head in find_heads(model) for name in _layer_names(model, head)]
    rates[f"({'|'.join(map(re.escape, names))})/.*"] = heads_optimizer
    return keras.optimizers.MultiOptimizer(rates)


def model_parts(model: keras.Model) -> tuple[ModelPart, ...]:
    """Returns the stages of the backbone and the heads, with the present flags of the model.

    Adapters count as trained weights, but not as weights, because they are merged.
    """
    trainable = {id(variable) for variable in model.trainable_variables}
    parts = []
    for name, variables in _parts(model):
        weights = [v for v in variables if "seed_generator" not in v.path]
        num = sum(math.prod(v.shape) for v in weights if "/lora_kernel_" not in v.path)
        num_trained = sum(math.prod(v.shape) for v in weights if id(v) in trainable)
        parts.append(ModelPart(name=name, weights=num, trained=num_trained))
    return tuple(parts)


def _parts(model: keras.Model) -> Iterator[tuple[str, list[Any]]]:
    """Yields name and variables of the stages of the backbone, then of the heads."""
    layer = backbone_of(model)
    if layer is None:
        pass
    elif len(layer.stages) < 2:
        yield "backbone", list(layer.model.variables)
    else:
        for stage in layer.stages:
            yield f"backbone {stage.name}", _variables(layer.model, stage.layers)
    for head in find_heads(model):
        yield f"head {head.name}", _variables(model, _layer_names(model, head))


def _variables(network: keras.Model, names: Iterable[str]) -> list[Any]:
    layers = {layer.name: layer for layer in network.layers}
    return [v for name in names if name in layers for v in layers[name].variables]


def _layer_names(model: keras.Model, head: Head) -> list[str]:
    prefixes = tuple(head.name + suffix for suffix in ("_logits", "_hidden_", "_dropout"))
    return [layer.name for layer in model.layers if layer.name.startswith(prefixes)]


def _fresh(
    optimizer: str | keras.optimizers.Optimizer, learning_rate: Rate | None
) -> keras.optimizers.Optimizer:
    given = keras.optimizers.get(optimizer)
    settings = {key: value for key, value in given.get_config().items() if key != "name"}
    rate = {} if learning_rate is None else {"learning_rate": learning_rate}
    return type(given).from_config(settings | rate)


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
        # the map from a variable to its optimizer, with the current rates
        rates = keras.saving.deserialize_keras_object(optimizer.get_config()["optimizer_map"])
        optimizer = rates(model.get_layer(find_heads(model)[0].logits_name).kernel)
    settings = {
        key: keras.saving.deserialize_keras_object(value) if key != "optimizer" else None
        for key, value in config.items()
    }
    settings["optimizer"] = make_optimizer(
        model, optimizer, learning_rate=learning_rate, backbone_learning_rate=backbone_learning_rate
    )
    model.compile(**settings)
