"""The graph of a functional Keras model: the calls of its operations, and the tensors between them.

Convention: only this module uses attributes that are private to Keras. A shared layer has one node
for each call in any model, and a nested model has nodes of its own, so only the nodes in the graph
of the model in question count.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import keras


class Call(NamedTuple):
    """One call of a layer, nested model or operation in the graph of a model."""

    operation: Any
    inputs: tuple["keras.KerasTensor", ...]
    outputs: tuple["keras.KerasTensor", ...]


def operations(model: "keras.Model") -> list[Any]:
    """Returns the operations of a functional or sequential model, input to output, each once."""
    return list(_function(model).operations)


def calls(model: "keras.Model") -> list[Call]:
    """Returns every call in the graph of a model, in an order in which they can run.

    A model that is neither functional nor sequential has no graph, and so no calls.
    """
    by_depth = getattr(_function(model), "_nodes_by_depth", {})
    return [
        Call(node.operation, tuple(node.input_tensors), tuple(node.outputs))
        for depth in sorted(by_depth, reverse=True)
        for node in by_depth[depth]
    ]


def spans(model: "keras.Model") -> list[tuple["keras.KerasTensor", int, int]]:
    """Returns every tensor in the graph of a model, and the operations that it connects.

    These are the positions in `operations` of the first and the last one that return or take it.
    """
    positions = {id(operation): number for number, operation in enumerate(operations(model))}
    tensors: dict[int, keras.KerasTensor] = {}
    touched: dict[int, list[int]] = {}
    for call in calls(model):
        for tensor in (*call.outputs, *call.inputs):
            tensors[id(tensor)] = tensor
            touched.setdefault(id(tensor), []).append(positions[id(call.operation)])
    return [(tensors[key], min(found), max(found)) for key, found in touched.items()]


def tensors_into(model: "keras.Model", names: Collection[str]) -> list["keras.KerasTensor"] | None:
    """Returns the tensors that flow from other operations into those with these names.

    Returns None if a tensor flows from the named operations into another one.
    """
    givers = {id(tensor): call for call in calls(model) for tensor in call.outputs}
    crossing: dict[int, keras.KerasTensor] = {}
    for call in calls(model):
        for tensor in call.inputs:
            is_from_named = givers[id(tensor)].operation.name in names
            if is_from_named and call.operation.name not in names:
                return None
            if not is_from_named and call.operation.name in names:
                crossing[id(tensor)] = tensor
    return list(crossing.values())


def inner_layers(model: "keras.Model") -> list["keras.Layer"]:
    """Returns every layer of a model and those inside of layers, each once."""
    return list(model._flatten_layers(include_self=False))


def input_of(model: "keras.Model", operation: Any) -> "keras.KerasTensor":
    """Returns the first input of an operation's first call in the graph of a model."""
    return next(call.inputs[0] for call in calls(model) if call.operation is operation)


def _function(model: "keras.Model") -> Any:
    """Returns the functional model that a sequential one wraps, or the model itself."""
    return getattr(model, "_functional", None) or model
