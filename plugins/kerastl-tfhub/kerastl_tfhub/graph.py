"""The contents of a SavedModel, read from its protocol buffer without loading it.

Convention: nothing here runs or restores anything, so untrusted files are safe to read.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from kerastl.backbones import BackboneError

CONVERTED = "variables_of_tf1"
"""The list in the root object that marks a module made from TF1's format."""

COMPILED = "XlaCallModule"
"""The operation of which modules exported from JAX consist."""

REFERENCES_OF_TF1 = ("Variable", "VariableV2")
RESOURCES_OF_TF1 = ("VarHandleOp",)
VARIABLES_OF_TF1 = (*REFERENCES_OF_TF1, *RESOURCES_OF_TF1)
_INIT_COLLECTIONS = ("saved_model_main_op", "legacy_init_op")
_CALLS = ("PartitionedCall", "StatefulPartitionedCall")


class Graph:
    """One meta graph of a SavedModel: its operations, functions, assets and form.

    Args:
        meta: The `MetaGraphDef`.
    """

    def __init__(self, meta: Any):
        self.meta = meta
        self.nodes = {node.name: node for node in meta.graph_def.node}
        self.functions = {f.signature.name: f for f in meta.graph_def.library.function}
        self.tags = tuple(meta.meta_info_def.tags)

    @property
    def is_tf1(self) -> bool:
        """Whether it holds one graph with a session's saver instead of objects and functions."""
        return not self.meta.HasField("object_graph_def")

    @property
    def is_converted(self) -> bool:
        """Whether it was made from TF1's format by this package."""
        objects = self.meta.object_graph_def.nodes
        return bool(objects) and any(c.local_name == CONVERTED for c in objects[0].children)

    @property
    def has_variables(self) -> bool:
        """Whether it has variables, whose values are in a checkpoint."""
        if self.is_tf1:
            return any(node.op in VARIABLES_OF_TF1 for node in self.meta.graph_def.node)
        objects = self.meta.object_graph_def.nodes
        return any(one.WhichOneof("kind") == "variable" for one in objects)

    @cached_property
    def platforms(self) -> frozenset[str] | None:
        """Kinds of devices for which JAX compiled it, such as CPU; None if it has no such code."""
        found = [
            {name.decode() for name in node.attr["platforms"].list.s}
            for _, node in self.operations()
            if node.op == COMPILED
        ]
        return frozenset(set.intersection(*found)) if found else None

    @property
    def asset_names(self) -> tuple[str, ...]:
        """File names of the assets, relative to the folder `assets`."""
        return tuple(asset.filename for asset in self.meta.asset_file_def)

    @cached_property
    def bound_inputs(self) -> dict[str, Sequence[int]]:
        """Function to the objects that it captures, as positions in the list of objects."""
        return {
            name: tuple(function.bound_inputs)
            for name, function in self.meta.object_graph_def.concrete_functions.items()
        }

    def operations(self) -> Iterator[tuple[str, Any]]:
        """Yields function name (empty for the main graph) and node of every operation."""
        for node in self.meta.graph_def.node:
            yield "", node
        for name, function in self.functions.items():
            for node in function.node_def:
                yield name, node

    @cached_property
    def saver_nodes(self) -> frozenset[str]:
        """Nodes of the main graph that only write or restore the module's own checkpoint."""
        saver = self.meta.saver_def
        ends = [saver.save_tensor_name, saver.restore_op_name, saver.filename_tensor_name]
        return self._ancestors(filter(None, ends)) - self._ancestors(self._running_ends())

    @cached_property
    def restore_nodes(self) -> frozenset[str]:
        """Nodes of the main graph that run when the checkpoint is restored in the TF1 format."""
        return self._ancestors(filter(None, [self.meta.saver_def.restore_op_name]))

    @cached_property
    def saver_functions(self) -> frozenset[str]:
        """Functions that only the saver mentions; loading never calls them."""
        mentioned = set(self.bound_inputs)
        for gradient in self.meta.graph_def.library.gradient:
            mentioned |= {gradient.function_name, gradient.gradient_func}
        for node in self.meta.graph_def.node:
            if node.name not in self.saver_nodes:
                mentioned |= _node_mentions(node)
        for function in self.functions.values():
            if "api_implements" in function.attr:  # may take another function's place
                mentioned.add(function.signature.name)
        from_saver = set().union(*(_node_mentions(self.nodes[n]) for n in self.saver_nodes))
        saver_only = self._closure(from_saver) - self._closure(mentioned)
        others = set(self.functions) - saver_only
        return frozenset(saver_only - self._closure(others))

    def is_asset(self, scope: str, tensor: str) -> bool:
        """Whether a tensor always holds the path of one of the module's own assets.

        Args:
            scope: Name of the function that the tensor is in, empty for the main graph.
            tensor: The tensor as a node's input names it.
        """
        return self._is_asset(scope, tensor, frozenset())

    def filename_input(self, node: Any) -> str:
        """Returns the operation that feeds a checkpoint operation's file name."""
        return _operation(node.input[0]) if node.input else ""

    def _is_asset(self, scope: str, tensor: str, seen: frozenset[tuple[str, str]]) -> bool:
        if (scope, tensor) in seen:
            return False
        seen |= {(scope, tensor)}
        name = _operation(tensor)
        if not scope and name in self._asset_tensors:
            return True
        nodes = self.nodes if not scope else self._function_nodes(scope)
        if name in nodes:
            node = nodes[name]
            return node.op == "Identity" and self._is_asset(scope, node.input[0], seen)
        return bool(scope) and self._argument_is_asset(scope, name, seen)

    def _argument_is_asset(
        self, function: str, argument: str, seen: frozenset[tuple[str, str]]
    ) -> bool:
        # Loading a TF2 module runs no operation of the main graph, so calls from there don't count.
        names = [arg.name for arg in self.functions[function].signature.input_arg]
        if argument not in names:
            return False
        index = names.index(argument)
        sources = [
            self._is_asset(scope, node.input[index], seen) if node.op in _CALLS else False
            for scope, node in self.operations()
            if (scope or self.is_tf1) and function in _node_mentions(node)
        ]
        if function in self.bound_inputs:
            sources.append(self._captures_asset(function, index - len(names)))
        return bool(sources) and all(sources)

    def _captures_asset(self, function: str, index_from_end: int) -> bool:
        bound = self.bound_inputs[function]
        if len(bound) < -index_from_end:
            return False
        captured = self.meta.object_graph_def.nodes[bound[index_from_end]]
        return captured.WhichOneof("kind") == "asset"

    @cached_property
    def _asset_tensors(self) -> frozenset[str]:
        return frozenset(_operation(a.tensor_info.name) for a in self.meta.asset_file_def)

    def _function_nodes(self, function: str) -> dict[str, Any]:
        return {node.name: node for node in self.functions[function].node_def}

    def _running_ends(self) -> Iterator[str]:
        for signature in self.meta.signature_def.values():
            for info in (*signature.inputs.values(), *signature.outputs.values()):
                yield info.name
        for collection in _INIT_COLLECTIONS:
            if collection in self.meta.collection_def:
                yield from self.meta.collection_def[collection].node_list.value

    def _ancestors(self, ends: Iterable[str]) -> frozenset[str]:
        found: set[str] = set()
        open_ends = [_operation(end) for end in ends]
        while open_ends:
            name = open_ends.pop()
            if name in self.nodes and name not in found:
                found.add(name)
                open_ends += [_operation(source) for source in self.nodes[name].input]
        return frozenset(found)

    def _closure(self, names: Iterable[str]) -> set[str]:
        found: set[str] = set()
        open_names = [name for name in names if name in self.functions]
        while open_names:
            name = open_names.pop()
            if name in found:
                continue
            found.add(name)
            function = self.functions[name]
            mentioned = _mentions(function.attr)
            for node in function.node_def:
                mentioned |= _node_mentions(node)
            open_names += [m for m in mentioned if m in self.functions]
        return found


def read_saved_model(folder: Path) -> Any:
    """Returns the `SavedModel` protocol buffer of a folder.

    Raises:
        BackboneError: The folder contains no SavedModel, or a damaged one.
    """
    from google.protobuf import text_format  # type: ignore[import-untyped]
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from tensorflow.core.protobuf import saved_model_pb2

    saved_model = saved_model_pb2.SavedModel()
    try:
        if (folder / "saved_model.pb").is_file():
            saved_model.ParseFromString((folder / "saved_model.pb").read_bytes())
        else:
            text_format.Parse((folder / "saved_model.pbtxt").read_text(), saved_model)
    except FileNotFoundError:
        raise BackboneError(
            "The folder does not contain a SavedModel.",
            where=str(folder),
            expected="a folder that contains saved_model.pb",
        ) from None
    except (DecodeError, text_format.ParseError, UnicodeDecodeError) as error:
        raise BackboneError(
            "The SavedModel cannot be read.",
            where=str(folder / "saved_model.pb"),
            received=f"{type(error).__name__}: {error}",
            fix="Download or export it again.",
        ) from None
    return saved_model


def read_graph(folder: Path, *, tags: Sequence[str] | None = None) -> Graph:
    """Returns the meta graph of a SavedModel that serves predictions.

    Args:
        folder: The SavedModel.
        tags: Tags of the meta graph; None takes `serve`, then the one without tags (which TF1 Hub
            modules have for inference), then the only one.

    Raises:
        BackboneError: There is no such meta graph.
    """
    graphs = [Graph(meta) for meta in read_saved_model(folder).meta_graphs]
    by_tags = {frozenset(graph.tags): graph for graph in graphs}
    if tags is not None:
        found = by_tags.get(frozenset(tags))
    else:
        only = graphs[0] if len(graphs) == 1 else None
        found = by_tags.get(frozenset({"serve"}), by_tags.get(frozenset(), only))
    if found is None:
        raise BackboneError(
            "The SavedModel has no graph with these tags.",
            where=str(folder),
            expected=f"one of {sorted(sorted(graph.tags) for graph in graphs)}",
            received=str(sorted(tags)) if tags is not None else "no tags, and several graphs",
            fix="Name the tags in the option 'tags'.",
        )
    return found


def _operation(tensor: str) -> str:
    return tensor.removeprefix("^").partition(":")[0]


def _node_mentions(node: Any) -> set[str]:
    return _mentions(node.attr) | {node.op}


def _mentions(attributes: Any) -> set[str]:
    """Returns every name in a node's attributes that could be the name of a function."""
    found: set[str] = set()
    for value in attributes.values():
        for function in (value.func, *value.list.func):
            found |= {function.name, *(_mentions(function.attr) if function.attr else ())}
        found |= {text.decode(errors="replace") for text in (value.s, *value.list.s)}
    found.discard("")
    return found
