"""OpenVINO's format: for CPUs, GPUs and NPUs of Intel."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from kerastl.export.formats.model_format import Format, Precision, Source
from kerastl.export.formats.quantization import quantized


class OpenvinoFormat(Format):
    """`model.xml` and `model.bin`; the metadata is in `rt_info` under `kerastl/bundle`.

    With float16 the weights alone are smaller: they are computed with in float32. Images have one
    size, because OpenVINO has no float64 on CPUs, with which resizing is exact.
    """

    name = "openvino"
    file = "model.xml"
    precisions = ("float32", "float16", "int8")
    open_precisions = ()
    packages: ClassVar[Mapping[str, str]] = {"openvino": "fast"}
    quantizer = "nncf"
    takes_onnx = True
    # Without, CPUs with bfloat16 compute in it, and probabilities differ by up to 0.15.
    settings: ClassVar[Mapping[str, str]] = {"INFERENCE_PRECISION_HINT": "f32"}

    def write(self, source: Source, precision: Precision, path: Path) -> None:
        import openvino

        model = (
            _converted(source.saved_model(takes_any_extent=False))
            if source.composed is None
            else openvino.Core().read_model(source.composed.model.SerializeToString())
        )
        if precision == "int8":
            types = {operation.get_type_name() for operation in model.get_ops()}
            model = quantized(model, source, types - {"Convolution", "GroupConvolution"})
        model.set_rt_info(source.metadata, ["kerastl", "bundle"])
        openvino.save_model(model, path, compress_to_fp16=precision == "float16")


def _converted(saved_model: Path) -> Any:
    from openvino.frontend import FrontEndManager

    # openvino.convert_model takes longer and sends telemetry.
    frontend = FrontEndManager().load_by_framework("tf")
    return frontend.convert(frontend.load(str(saved_model)))
