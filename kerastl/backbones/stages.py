"""Stages of a backbone, derived from its architecture.

Convention: a stage begins at the last point before the resolution falls through which everything
flows as a single tensor, so stages never cut a block or a shortcut in two.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kerastl.backbones.spec import Stage

if TYPE_CHECKING:
    import keras


def stages_by_resolution(model: "keras.Model") -> tuple[Stage, ...]:
    """Groups the layers of a functional model by the resolution they work at.

    Args:
        model: A functional model, raw input to feature vector.

    Returns:
        Stages from input to output; together they name every layer of the model once. A model
        whose resolution never falls is one stage.
    """
    layers = topological_layers(model)
    cuts = _single_tensor_cuts(layers)
    starts = {0}
    lowest = _resolution(layers[0])
    for index, layer in enumerate(layers):
        resolution = _resolution(layer)
        if resolution is None or lowest is None:
            continue
        if resolution <= lowest * 0.6:
            starts.add(max((cut for cut in cuts if cut <= index), default=0))
            lowest = resolution
    bounds = [*sorted(starts), len(layers)]
    return tuple(
        Stage(name=f"stage_{number}", layers=tuple(layer.name for layer in layers[begin:end]))
        for number, (begin, end) in enumerate(zip(bounds, bounds[1:], strict=False), start=1)
        if end > begin
    )


def topological_layers(model: "keras.Model") -> list["keras.Layer"]:
    """Returns the layers and operations of a functional model, each after all that feed it."""
    return list(model.operations)


def _single_tensor_cuts(layers: Sequence["keras.Layer"]) -> list[int]:
    """Returns each index before which exactly one tensor is alive."""
    last_use: dict[int, int] = {}
    for index, layer in enumerate(layers):
        for tensor in _inputs(layer):
            last_use[id(tensor)] = index
    cuts = []
    alive: set[int] = set()
    for index, layer in enumerate(layers):
        alive = {tensor for tensor in alive if last_use.get(tensor, -1) >= index}
        if index and len(alive) == 1:
            cuts.append(index)
        alive.update(id(tensor) for tensor in _outputs(layer))
    return cuts


def _inputs(layer: "keras.Layer") -> list["keras.KerasTensor"]:
    return [tensor for node in layer._inbound_nodes[:1] for tensor in node.input_tensors]


def _outputs(layer: "keras.Layer") -> list["keras.KerasTensor"]:
    return [tensor for node in layer._inbound_nodes[:1] for tensor in node.outputs]


def _resolution(layer: "keras.Layer") -> int | None:
    shape = _outputs(layer)[0].shape
    return shape[1] if len(shape) == 4 else None
