"""Any ONNX file as a frozen backbone of kerastl: the backbone family `onnx`.

Convention: importing this module is free; ONNX Runtime loads when the first file is used.
"""

from kerastl_onnx.family import OnnxFamily

family = OnnxFamily()

__all__ = ["OnnxFamily", "family"]
