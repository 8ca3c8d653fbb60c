"""ONNX: for ONNX Runtime and everything else that reads it."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from kerastl.backbones.onnx_conversion import converted
from kerastl.export.formats.model_format import Format, Precision, Source
from kerastl.export.formats.quantization import quantized

_LARGE = 1024  # values


class OnnxFormat(Format):
    """An ONNX file; the metadata is in `metadata_props` under `kerastl`.

    With float16 the weights alone are smaller: they are computed with in float32, because the
    squares of a spectrogram exceed the range of float16.
    """

    name = "onnx"
    file = "model.onnx"
    precisions = ("float32", "float16", "int8")
    open_precisions = ("float32", "float16")
    packages: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("onnx", "onnxruntime", "tf2onnx"), "onnx"
    )
    quantizer = "nncf"
    takes_onnx = True

    def write(self, source: Source, precision: Precision, path: Path) -> None:
        import onnx

        model = (
            converted(source.saved_model(takes_any_extent=precision != "int8"))
            if source.composed is None
            else copy.deepcopy(source.composed.model)
        )
        if precision == "int8":
            others = {node.op_type for node in model.graph.node} - {"Conv"}
            model = quantized(model, source, others)
        elif precision == "float16":
            _store_in_float16(model.graph)
        onnx.helper.set_model_props(model, {"kerastl": source.metadata})
        onnx.save(model, path)


def _store_in_float16(graph: Any) -> None:
    """Stores large weights in float16, with an operation that casts them to float32."""
    from onnx import TensorProto, helper, numpy_helper

    for weights in list(graph.initializer):
        values = numpy_helper.to_array(weights)
        if values.dtype == np.float32 and values.size >= _LARGE:
            small = numpy_helper.from_array(values.astype(np.float16), f"{weights.name}/float16")
            cast = helper.make_node("Cast", [small.name], [weights.name], to=TensorProto.FLOAT)
            graph.initializer.remove(weights)
            graph.initializer.append(small)
            graph.node.insert(0, cast)
