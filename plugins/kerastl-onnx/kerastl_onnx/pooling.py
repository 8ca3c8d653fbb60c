"""The nodes between the output of an ONNX network and the feature vector."""

from collections.abc import Callable

from onnx import TensorProto

from kerastl.backbones import BackboneError
from kerastl.backbones.onnx_graph import Nodes
from kerastl_onnx.settings import Settings

OPEN_BATCH = "Export the network again with an open batch axis."


def pooled(
    refused: Callable[..., BackboneError],
    nodes: Nodes,
    name: str,
    shape: tuple[int, ...],
    settings: Settings,
) -> tuple[str, int]:
    """Adds what makes one vector per example of an output; returns its name and length.

    The shape is that for a batch of two. `refused` makes the error for an output of another kind.
    """
    name = nodes.add("Cast", name, to=TensorProto.FLOAT)
    if len(shape) not in (2, 3, 4):
        raise refused(
            "An output has no feature vectors.",
            expected="(batch, features), (batch, tokens, features), or maps with two axes of space",
            received=f"{shape} for a batch of two",
        )
    if shape[0] != 2:
        raise refused(
            f"An output has {shape[0]} rows for a batch of two.",
            fix=OPEN_BATCH,
        )
    if len(shape) == 2:
        return name, shape[1]
    is_map = len(shape) == 4
    pooling = settings.pooling or ("mean" if is_map else None)
    if pooling is None:
        raise refused(
            "How its tokens become one vector is not known.",
            received=f"{shape[1]} tokens of {shape[2]} values",
            fix="Set pooling to mean, max, cls or both in backbone.options.",
        )
    if is_map and (settings.layout is None or pooling not in ("mean", "max")):
        raise refused(
            "How its maps become one vector is not known.",
            received=str(shape),
            fix="Set layout to nchw or nhwc, and pooling to mean or max, in backbone.options.",
        )
    if not is_map:
        return _pooled_tokens(nodes, name, shape, pooling, settings.prefix_tokens)
    channels_first = settings.layout == "nchw"
    axes, dim = ([2, 3], shape[1]) if channels_first else ([1, 2], shape[3])
    return nodes.reduce({"mean": "ReduceMean", "max": "ReduceMax"}[pooling], name, axes), dim


def _pooled_tokens(
    nodes: Nodes, name: str, shape: tuple[int, ...], pooling: str, prefix: int
) -> tuple[str, int]:
    num_tokens, dim = shape[1:]
    parts = []
    if pooling in ("cls", "both"):
        first = nodes.cut(name, 1, 0, 1)
        parts.append(nodes.add("Reshape", first, nodes.integers(-1, dim)))
    if pooling != "cls":
        prefix = max(prefix, 1) if pooling == "both" else prefix
        rest = nodes.cut(name, 1, prefix, num_tokens) if prefix else name
        parts.append(nodes.reduce("ReduceMax" if pooling == "max" else "ReduceMean", rest, [1]))
    joined = parts[0] if len(parts) == 1 else nodes.add("Concat", *parts, axis=1)
    return joined, dim * len(parts)
