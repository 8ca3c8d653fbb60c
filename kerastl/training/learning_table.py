"""The learning table: what is trained in each part of a model, and at which rate."""

import math
from collections.abc import Iterator
from typing import Any

import keras

from kerastl.heads.builder import find_heads, find_layer
from kerastl.training.plan import Phase
from kerastl.training.trainable import head_layer_names


def learning_table(model: keras.Model, phase: Phase) -> tuple[str, ...]:
    """Returns a line for each part of the model: its weights, how many are trained, the rate.

    Args:
        model: The model, with the flags of the phase.
        phase: The last phase of the training plan.
    """
    trainable = {id(variable) for variable in model.trainable_variables}
    lines = [f"{'part':<28}{'weights':>12}{'trained':>12}  rate"]
    for name, variables in _parts(model):
        weights = [v for v in variables if "seed_generator" not in v.path]
        num_weights = sum(math.prod(v.shape) for v in weights)
        num_trained = sum(math.prod(v.shape) for v in weights if id(v) in trainable)
        rate = phase.rate_text(is_backbone=name.startswith("backbone")) if num_trained else "-"
        lines.append(f"{name:<28}{num_weights:>12,}{num_trained:>12,}  {rate}")
    return tuple(lines)


def _parts(model: keras.Model) -> Iterator[tuple[str, list[Any]]]:
    """Yields name and variables of the stages of the backbone, then of the heads."""
    layer = find_layer(model)
    if len(layer.stages) < 2:
        yield "backbone", list(layer.model.variables)
    else:
        for stage in layer.stages:
            yield f"backbone {stage.name}", _variables(layer.model, stage.layers)
    for head in find_heads(model):
        yield f"head {head.name}", _variables(model, head_layer_names(model, head))


def _variables(network: keras.Model, names: Any) -> list[Any]:
    layers = {layer.name: layer for layer in network.layers}
    return [v for name in names if name in layers for v in layers[name].variables]
