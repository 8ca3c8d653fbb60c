"""LiteRT, formerly TensorFlow Lite: for phones and small boards."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from kerastl.export.formats.model_format import Format, Precision, Source
from kerastl.export.serving import SIGNATURE

_QUANTIZED = ("CONV_2D", "DEPTHWISE_CONV_2D")  # see `quantization`


class LitertFormat(Format):
    """A `.tflite` file; the metadata is the buffer `kerastl`. Inputs have one size.

    With int8 it takes one example at a time, because the converter measures activations of models
    with batches of a fixed size only.
    """

    name = "litert"
    file = "model.tflite"
    precisions = ("float32", "float16", "dynamic", "int8")
    open_precisions = ()
    single_precisions = ("int8",)
    packages: ClassVar[Mapping[str, str]] = {"ai_edge_litert": "litert"}

    def write(self, source: Source, precision: Precision, path: Path) -> None:
        from ai_edge_litert.tools import flatbuffer_utils

        data = _converted(source, precision)
        model = flatbuffer_utils.convert_bytearray_to_object(bytearray(data))
        _add_metadata(model, source.metadata)
        flatbuffer_utils.write_model(model, str(path))


def _converted(source: Source, precision: Precision) -> bytes:
    import tensorflow as tf

    batch = 1 if precision == "int8" else None
    folder = source.saved_model(takes_any_extent=False, batch=batch)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), signature_keys=[SIGNATURE])
    if precision == "float32":
        return bytes(converter.convert())
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "dynamic":
        return bytes(converter.convert())
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
        return bytes(converter.convert())

    def samples() -> Any:
        return ((SIGNATURE, batch) for batch in source.batches())

    converter.representative_dataset = samples
    builtins = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8, tf.lite.OpsSet.TFLITE_BUILTINS]
    converter.target_spec.supported_ops = builtins
    floating = sorted(_operations(_converted(source, "float32")) - set(_QUANTIZED))
    options = tf.lite.experimental.QuantizationDebugOptions(denylisted_ops=floating)
    debugger = tf.lite.experimental.QuantizationDebugger(
        converter=converter, debug_dataset=samples, debug_options=options
    )
    return bytes(debugger.get_nondebug_quantized_model())


def _operations(data: bytes) -> set[str]:
    """Returns the types of the operations of a model."""
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    names = {code: name for name, code in vars(schema.BuiltinOperator).items()}
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(data))
    codes = (max(one.builtinCode, one.deprecatedBuiltinCode) for one in model.operatorCodes)
    return {names[code] for code in codes}


def _add_metadata(model: Any, text: str) -> None:
    from ai_edge_litert import schema_py_generated as schema

    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = list(text.encode())
    entry.name, entry.buffer = "kerastl", len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or ()), entry]
