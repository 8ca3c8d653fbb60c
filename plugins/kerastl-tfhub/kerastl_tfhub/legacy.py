"""Conversion of modules in TF1's format to equivalent TF2 modules."""

import tempfile
from pathlib import Path
from typing import Any

from kerastl.backbones import BackboneError
from kerastl_tfhub.graph import CONVERTED, REFERENCES_OF_TF1, RESOURCES_OF_TF1, Graph
from kerastl_tfhub.saving import StagedModule, refusing_damage

_TABLES = ("HashTable", "HashTableV2", "MutableHashTableV2", "LookupTableFind", "LookupTableFindV2")


def converted(staged: StagedModule, *, signature: str | None, where: str) -> StagedModule:
    """Returns a TF2 module with one signature, `serving_default`, of a module in TF1's format.

    `tf.saved_model.load` reads that format too, but leaves TF1's reference variables in the
    graph, uninitialized. So a session restores the values, and the part of the graph that the
    signature needs is imported into a function, with TF2 variables in their place.

    Args:
        staged: The module.
        signature: Name of its signature; None takes `default`, `serving_default` or the only one.
        where: Handle or file, for messages.

    Raises:
        BackboneError: It has no such signature, or it uses tables, whose content is in a
            session in TF1's format.
    """
    import tensorflow as tf

    _refuse_tables(staged.graph, where)
    signatures = staged.graph.meta.signature_def
    definition = signatures[choose_signature(sorted(signatures), signature, where)]
    with refusing_damage(where):
        graph_def, values = _restored(staged, [info.name for info in definition.outputs.values()])
    module = tf.Module()
    variables = {
        name: tf.Variable(value, name=name, trainable=False) for name, value in values.items()
    }
    setattr(module, CONVERTED, list(variables.values()))
    function = _function(graph_def, definition, variables)
    with tempfile.TemporaryDirectory(prefix="kerastl_tfhub_") as directory:
        tf.saved_model.save(module, directory, signatures={"serving_default": function})
        return _kept(Path(directory), where)


def choose_signature(names: list[str], wanted: str | None, where: str) -> str:
    """Returns the named signature, or the default one.

    Raises:
        BackboneError: There is no such signature, or several and none is the default.
    """
    candidates = [wanted] if wanted else ["serving_default", "default", *names[:1]]
    found = [name for name in candidates if name in names]
    if found and (wanted or len(names) == 1 or found[0] in ("serving_default", "default")):
        return found[0]
    raise BackboneError(
        "The module has no such signature." if wanted else "The module has several signatures.",
        where=where,
        expected=f"one of {', '.join(sorted(names))}" if names else "a signature",
        received=wanted,
        fix="Name one in the option 'signature'." if names else None,
    )


def _restored(staged: StagedModule, outputs: list[str]) -> tuple[Any, dict[str, Any]]:
    """Returns the graph that computes the outputs, and the values of the variables in it."""
    import tensorflow as tf

    v1 = tf.compat.v1
    with v1.Graph().as_default() as graph, v1.Session() as session:
        v1.saved_model.load(session, list(staged.graph.tags), str(staged.folder))
        ends = [name.partition(":")[0] for name in outputs]
        graph_def = v1.graph_util.extract_sub_graph(graph.as_graph_def(), ends)
        tensors = {}
        for node in graph_def.node:
            if node.op in REFERENCES_OF_TF1:
                tensors[node.name] = graph.get_tensor_by_name(f"{node.name}:0")
            elif node.op in RESOURCES_OF_TF1:
                handle = graph.get_tensor_by_name(f"{node.name}:0")
                dtype = tf.dtypes.as_dtype(node.attr["dtype"].type)
                tensors[node.name] = tf.raw_ops.ReadVariableOp(resource=handle, dtype=dtype)
        return graph_def, session.run(tensors)


def _function(graph_def: Any, definition: Any, variables: dict[str, Any]) -> Any:
    """Returns a function of the signature's inputs that imports the graph."""
    import tensorflow as tf

    references = {node.name for node in graph_def.node if node.op in REFERENCES_OF_TF1}

    def call(**inputs: Any) -> dict[str, Any]:
        replaced = {definition.inputs[name].name: tensor for name, tensor in inputs.items()}
        for name, variable in variables.items():
            value = variable.read_value() if name in references else tf.identity(variable.handle)
            replaced[f"{name}:0"] = value
        names = sorted(definition.outputs)
        elements = [definition.outputs[name].name for name in names]
        found = tf.graph_util.import_graph_def(
            graph_def, input_map=replaced, return_elements=elements, name=""
        )
        return dict(zip(names, found, strict=True))

    specs = {
        name: tf.TensorSpec(tf.TensorShape(info.tensor_shape), info.dtype, name=name)
        for name, info in definition.inputs.items()
    }
    return tf.function(call, autograph=False).get_concrete_function(**specs)


def _refuse_tables(graph: Graph, where: str) -> None:
    found = sorted({node.op for _, node in graph.operations() if node.op in _TABLES})
    if found:
        raise BackboneError(
            "The module is in TF1's format and looks values up in tables, which cannot be kept.",
            where=where,
            received=", ".join(found),
            fix="Use a TF2 version of the module.",
        )


def _kept(folder: Path, where: str) -> StagedModule:
    """Returns a staged copy that owns its variables, since `folder` is about to be deleted."""
    staged = StagedModule(folder, where=where)
    variables = staged.folder / "variables"
    source = variables.resolve()
    variables.unlink()
    source.rename(variables)
    return staged
