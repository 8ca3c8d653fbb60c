"""Trainable weights and their learning rates.

Convention: flags and optimizer change together. A compiled model whose flags change is compiled
again with a new optimizer, because the old one would ignore the change.
"""

import re
from dataclasses import dataclass
from typing import Any, TypeAlias

import keras

from kerastl.errors import ModelError
from kerastl.heads.builder import apply_policy, find_heads, find_layer
from kerastl.training.plan import Phase

Rate: TypeAlias = float | keras.optimizers.schedules.LearningRateSchedule


@dataclass(frozen=True, kw_only=True)
class TrainablePart:
    """A part of the model in the learning table.

    Args:
        name: A stage of the backbone, or a head.
        num_params: Number of its weights.
        num_trainable: Number of its trainable weights.
        learning_rate: Their learning rate; None if there are none or the model is not compiled.
    """

    name: str
    num_params: int
    num_trainable: int
    learning_rate: float | None


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
    names = "|".join(re.escape(name) for name in _all_head_layer_names(model))
    rates[f"({names})/.*"] = heads_optimizer
    return keras.optimizers.MultiOptimizer(rates)


def trainable_parts(model: keras.Model) -> list[TrainablePart]:
    """Returns the trainable weights and learning rates of the backbone's stages and the heads."""
    layer = find_layer(model)
    rates = _rates(model)
    trainable = {id(variable) for variable in model.trainable_variables}
    parts = [
        _part(f"backbone {name}", variables, trainable, rates)
        for name, variables in _stage_variables(layer)
    ]
    for head in find_heads(model):
        variables = [
            variable
            for name in _head_layer_names(model, head.name)
            for variable in model.get_layer(name).variables
        ]
        parts.append(_part(f"head {head.name}", variables, trainable, rates))
    return parts


def learning_table(model: keras.Model, phase: Phase) -> tuple[str, ...]:
    """Returns a line for each part of the model: its weights, how many are trained, the rate.

    Args:
        model: The model, with the flags of the phase.
        phase: The last phase of the training plan.
    """
    lines = [f"{'part':<28}{'weights':>12}{'trained':>12}  rate"]
    for part in trainable_parts(model):
        rate = phase.rate_text(is_backbone=part.name.startswith("backbone"))
        shown = rate if part.num_trainable else "-"
        lines.append(f"{part.name:<28}{part.num_params:>12,}{part.num_trainable:>12,}  {shown}")
    return tuple(lines)


def _stage_variables(layer: Any) -> list[tuple[str, list[Any]]]:
    if len(layer.stages) < 2:
        return [("", list(layer.model.variables))]
    return [
        (
            stage.name,
            [v for name in stage.layers for v in _variables_of(layer.model, name)],
        )
        for stage in layer.stages
    ]


def _variables_of(network: keras.Model, name: str) -> list[Any]:
    found = [layer for layer in network.layers if layer.name == name]
    return list(found[0].variables) if found else []


def _head_layer_names(model: keras.Model, head: str) -> list[str]:
    suffixes = ("_logits", "_hidden_", "_dropout")
    return [
        layer.name
        for layer in model.layers
        if any(layer.name.startswith(head + suffix) for suffix in suffixes)
    ]


def _all_head_layer_names(model: keras.Model) -> list[str]:
    return [name for head in find_heads(model) for name in _head_layer_names(model, head.name)]


def _part(name: str, variables: list[Any], trainable: set[int], rates: Any) -> TrainablePart:
    weights = [v for v in variables if "seed_generator" not in v.path]
    learning = [v for v in weights if id(v) in trainable]
    return TrainablePart(
        name=name.strip(),
        num_params=sum(_size(v) for v in weights),
        num_trainable=sum(_size(v) for v in learning),
        learning_rate=rates(learning[0]) if learning and rates else None,
    )


def _size(variable: Any) -> int:
    size = 1
    for length in variable.shape:
        size *= int(length)
    return size


def _rates(model: keras.Model) -> Any:
    """Returns a function from a variable to its learning rate; None for an uncompiled model."""
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        return None
    if isinstance(optimizer, keras.optimizers.MultiOptimizer):
        by_path = _optimizers_by_path(optimizer)
        return lambda variable: _rate(by_path(variable))
    return lambda variable: _rate(optimizer)


def _optimizers_by_path(optimizer: keras.optimizers.MultiOptimizer) -> Any:
    """Returns a copy of the map from a variable to its optimizer, with the current rates."""
    return keras.saving.deserialize_keras_object(optimizer.get_config()["optimizer_map"])


def _rate(optimizer: Any) -> float:
    return float(keras.ops.convert_to_numpy(optimizer.learning_rate))


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
