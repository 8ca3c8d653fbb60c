"""Networks of TensorFlow as ONNX models, by tf2onnx."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

_OPSET = 18
_HEAVY = 2**16  # bytes


def converted(folder: Path) -> Any:
    """Returns the signature for serving of a SavedModel as an ONNX model with its names."""
    import tensorflow as tf
    import tf2onnx

    loaded = tf.saved_model.load(str(folder))
    signature = loaded.signatures["serving_default"]
    # The function of TensorFlow makes a second graph, which has all weights a few times more.
    graph = tf2onnx.tf_loader.convert_variables_to_constants_large_model(signature)
    _replace_fourier_transforms(graph)
    _replace_error_functions(graph)
    names = list(signature.structured_input_signature[1])
    inputs = [tensor.name for tensor in signature.inputs[: len(names)]]
    outputs = [tensor.name for tensor in signature.outputs]
    weights = _take_out_weights(graph)
    model, _ = tf2onnx.convert.from_graph_def(
        graph,
        input_names=[*inputs, *weights],
        output_names=outputs,
        tensors_to_rename={
            **dict(zip(inputs, names, strict=True)),
            **dict(zip(outputs, sorted(signature.structured_outputs), strict=True)),
        },
        opset=_OPSET,
    )
    _put_in_weights(model.graph, weights)
    return model


def _take_out_weights(graph: Any) -> dict[str, np.ndarray]:
    """Makes large constants inputs; returns their values by the names of the inputs.

    tf2onnx copies all constants after each optimization and never frees the copies: 17 GB of a
    network of 344 MB.
    """
    import tensorflow as tf

    weights = {}
    for node in graph.node:
        if node.op == "Const" and len(node.attr["value"].tensor.tensor_content) >= _HEAVY:
            values = tf.make_ndarray(node.attr["value"].tensor)
            weights[f"{node.name}:0"] = values
            node.op = "Placeholder"
            node.attr["shape"].shape.CopyFrom(tf.TensorShape(values.shape).as_proto())
            del node.attr["value"]
    return weights


def _put_in_weights(graph: Any, weights: dict[str, np.ndarray]) -> None:
    """Makes inputs constants again; those that only a transposition takes are transposed."""
    from onnx import numpy_helper

    transposes = {}
    users = Counter(name for node in graph.node for name in node.input)
    for node in graph.node:
        if node.op_type == "Transpose" and users[node.input[0]] == 1:
            transposes[node.input[0]] = node
    for one in list(graph.input):
        if one.name in weights:
            values, name = weights.pop(one.name), one.name
            graph.input.remove(one)
            if name in transposes:
                node = transposes[name]
                values, name = values.transpose(node.attribute[0].ints), node.output[0]
                graph.node.remove(node)
            graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values), name))


def _replace_fourier_transforms(graph: Any) -> None:
    """Replaces the parts of Fourier transforms of real values by products with a matrix.

    ONNX has no complex numbers, and tf2onnx knows the absolute value of a transform only.
    """
    nodes = {node.name: node for node in graph.node}
    for node in list(graph.node):
        if node.op not in ("Real", "Imag"):
            continue
        transform = nodes[node.input[0].partition(":")[0]]
        if transform.op == "RFFT":
            graph.node.remove(node)
            _add_product(graph, node, transform, nodes)


def _replace_error_functions(graph: Any) -> None:
    """Replaces erfc, as in the exact GELU of transformers, by 1 - erf, which ONNX has."""
    import tensorflow as tf

    for node in list(graph.node):
        if node.op != "Erfc":
            continue
        kind = node.attr["T"]
        erf = graph.node.add(name=f"{node.name}/erf", op="Erf", input=list(node.input))
        erf.attr["T"].CopyFrom(kind)
        one = graph.node.add(name=f"{node.name}/one", op="Const")
        one.attr["dtype"].CopyFrom(kind)
        one.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(1, tf.as_dtype(kind.type)))
        node.op = "Sub"
        node.input[:] = [one.name, erf.name]


def _add_product(graph: Any, part: Any, transform: Any, nodes: Mapping[str, Any]) -> None:
    import tensorflow as tf

    length = nodes[transform.input[1].partition(":")[0]].attr["value"].tensor
    num_samples = int(tf.make_ndarray(length)[0])
    turns = np.outer(np.arange(num_samples), np.arange(num_samples // 2 + 1)) / num_samples
    angles = 2 * np.pi * (turns % 1)
    matrix = np.cos(angles) if part.op == "Real" else -np.sin(angles)
    constant = graph.node.add(name=f"{part.name}/transform", op="Const")
    constant.attr["dtype"].type = tf.float32.as_datatype_enum
    constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(matrix, tf.float32))
    product = graph.node.add(
        name=part.name, op="BatchMatMulV2", input=[transform.input[0], constant.name]
    )
    product.attr["T"].type = tf.float32.as_datatype_enum
