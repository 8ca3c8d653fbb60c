"""Changes of ONNX graphs: nodes before and after those of a network.

Convention: a network has one opset, 13 or newer, and new nodes are written for it.
"""

import copy
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import onnx

BATCH = "batch"  # name of the first axis of inputs and outputs
OLDEST_OPSET = 13
_REDUCE_BY_INPUT = 18  # from this opset on, the axes of a reduction are an input


class Nodes:
    """New nodes and constants of a model, which is changed when they are added to it.

    Args:
        model: The model.
        prefix: Beginning of all new names, unique in the model.
    """

    def __init__(self, model: "onnx.ModelProto", prefix: str):
        self._graph = model.graph
        self._prefix = prefix
        self._opset = opset_of(model)
        self._nodes: list[onnx.NodeProto] = []
        self._count = 0

    def add(self, operation: str, *inputs: str, **attributes: Any) -> str:
        """Adds a node; returns the name of its output."""
        return self.add_named(operation, self._new_name(operation), *inputs, **attributes)

    def add_named(self, operation: str, name: str, *inputs: str, **attributes: Any) -> str:
        """Adds a node whose output has a given name."""
        from onnx import helper

        self._nodes.append(helper.make_node(operation, inputs, [name], name, **attributes))
        return name

    def constant(self, values: Any, dtype: type = np.float32) -> str:
        """Adds a constant; returns its name."""
        from onnx import numpy_helper

        name = self._new_name("constant")
        self._graph.initializer.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def integers(self, *values: int) -> str:
        """Adds a list of whole numbers; returns its name."""
        return self.constant(values, np.int64)

    def reduce(self, operation: str, value: str, axes: Sequence[int], *, keep: bool = False) -> str:
        """Adds a reduction such as `ReduceMean` over some axes."""
        if self._opset >= _REDUCE_BY_INPUT:
            return self.add(operation, value, self.integers(*axes), keepdims=int(keep))
        return self.add(operation, value, axes=list(axes), keepdims=int(keep))

    def cut(self, value: str, axis: int, begin: int, end: int, step: int = 1) -> str:
        """Adds a slice along one axis."""
        return self.add("Slice", value, *map(self.integers, (begin, end, axis, step)))

    def put_before(self, value: str, name: str) -> None:
        """Puts the nodes before those of the model, whose input gets `value` and the new `name`.

        The input keeps its name inside, so inner graphs that use it need no change.
        """
        from onnx import helper

        (given,) = self._graph.input
        own = list(self._graph.node)
        link = helper.make_node("Identity", [value], [given.name], self._new_name("input"))
        del self._graph.node[:]
        self._graph.node.extend([*self._nodes, link, *own])
        given.name = name

    def put_after(self) -> None:
        """Puts the nodes after those of the model."""
        self._graph.node.extend(self._nodes)

    def _new_name(self, what: str) -> str:
        self._count += 1
        return f"{self._prefix}/{what}_{self._count}"


def opset_of(model: "onnx.ModelProto") -> int:
    """Returns the version of the standard operations of a model, 0 if it uses none."""
    found = [one.version for one in model.opset_import if one.domain in ("", "ai.onnx")]
    return max(found, default=0)


def shape_of(value: "onnx.ValueInfoProto") -> tuple[int | None, ...]:
    """Returns the shape of a value, None for lengths that are not fixed."""
    sides = value.type.tensor_type.shape.dim
    return tuple(side.dim_value if side.HasField("dim_value") else None for side in sides)


def float_value(name: str, shape: Sequence[int | str]) -> "onnx.ValueInfoProto":
    """Returns the declaration of a float32 value; a text is the name of an open length."""
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def prefixed(model: "onnx.ModelProto", prefix: str) -> "onnx.ModelProto":
    """Returns a model in which the names of all values, nodes and functions begin with a prefix.

    `onnx.compose.add_prefix` forgets inner graphs that use weights of the outer one, and confuses
    functions with operations of the same name.
    """
    model = copy.deepcopy(model)
    functions = {(one.domain, one.name) for one in model.functions}
    graphs = [model.graph, *_inner_graphs(model.graph)]
    for graph in graphs:
        named = [*graph.input, *graph.output, *graph.value_info, *graph.initializer, *graph.node]
        for one in (*named, *(one.values for one in graph.sparse_initializer)):
            one.name = one.name and prefix + one.name
        for node in graph.node:
            node.input[:] = [name and prefix + name for name in node.input]
            node.output[:] = [name and prefix + name for name in node.output]
    bodies = [body for one in model.functions for body in (one, *_inner_graphs(one))]
    for node in [node for body in (*graphs, *bodies) for node in body.node]:
        if (node.domain, node.op_type) in functions:
            node.op_type = prefix + node.op_type
    for one in model.functions:
        one.name = prefix + one.name
    return model


def tensors(model: "onnx.ModelProto") -> Iterator["onnx.TensorProto"]:
    """Yields every tensor of a model, those in attributes and inner graphs included."""
    bodies = (model.graph, *model.functions)
    graphs = [model.graph, *(graph for body in bodies for graph in _inner_graphs(body))]
    for graph in graphs:
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for node in [node for body in (*graphs, *model.functions) for node in body.node]:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)


def _inner_graphs(body: "onnx.GraphProto | onnx.FunctionProto") -> Iterator["onnx.GraphProto"]:
    for node in body.node:
        for attribute in node.attribute:
            for graph in (*([attribute.g] if attribute.HasField("g") else ()), *attribute.graphs):
                yield graph
                yield from _inner_graphs(graph)


def external_tensors(model: "onnx.ModelProto") -> Iterator["onnx.TensorProto"]:
    """Yields the tensors whose values are in other files."""
    from onnx import TensorProto

    for tensor in tensors(model):
        if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
            yield tensor
