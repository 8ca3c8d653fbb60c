"""The nodes between raw input and an ONNX network."""

import numpy as np

from kerastl.backbones.onnx_graph import Nodes
from kerastl_onnx.settings import AudioSettings, ImageSettings

_GRAY = (0.299, 0.587, 0.114)  # as Pillow converts, ITU-R 601-2
_SILENCE = 1e-7


def image_input(nodes: Nodes, raw: str, settings: ImageSettings | None) -> str:
    """Adds what makes the network's input of RGB pixels, `(batch, height, width, 3)`."""
    assert settings is not None
    value = raw
    if settings.color == "bgr":
        value = nodes.cut(value, 3, -1, -(2**31), -1)
    elif settings.color == "gray":
        value = nodes.add("MatMul", value, nodes.constant(np.reshape(_GRAY, (3, 1))))
    value = nodes.add("Mul", value, nodes.constant(settings.scale))
    value = nodes.add("Sub", value, nodes.constant(settings.mean))
    value = nodes.add("Div", value, nodes.constant(settings.std))
    return nodes.add("Transpose", value, perm=[0, 3, 1, 2]) if settings.layout == "nchw" else value


def audio_input(
    nodes: Nodes, raw: str, settings: AudioSettings, shape: tuple[int, ...], rank: int
) -> str:
    """Adds what makes the network's input of samples from -1 to 1, `(batch, samples)`."""
    value, floor = raw, nodes.constant(_SILENCE)
    if settings.normalize in ("mean", "standard"):
        value = nodes.add("Sub", value, nodes.reduce("ReduceMean", value, [1], keep=True))
    if settings.normalize == "standard":
        square = nodes.reduce("ReduceMean", nodes.add("Mul", value, value), [1], keep=True)
        value = nodes.add("Div", value, nodes.add("Sqrt", nodes.add("Add", square, floor)))
    if settings.normalize == "peak":
        peak = nodes.reduce("ReduceMax", nodes.add("Abs", value), [1], keep=True)
        value = nodes.add("Div", value, nodes.add("Max", peak, floor))
    value = nodes.add("Mul", value, nodes.constant(settings.scale))
    if rank == 3:
        value = nodes.add("Reshape", value, nodes.integers(-1, 1, *shape))
    return value
