"""From an ONNX file to an extractor: raw input, the network of the file, and pooled features."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, external_data_helper, helper, version_converter

from kerastl.backbones import BackboneError, Extractor, Input
from kerastl.backbones.extractor import FEATURES, read_onnx
from kerastl.backbones.onnx_graph import (
    BATCH,
    OLDEST_OPSET,
    Nodes,
    external_tensors,
    float_value,
    opset_of,
    prefixed,
)
from kerastl_onnx.facts import MAX_BYTES
from kerastl_onnx.pooling import OPEN_BATCH, pooled
from kerastl_onnx.preprocessing import audio_input, image_input
from kerastl_onnx.settings import Settings

_PREFIX = "network/"
_NUM_EXAMPLES = 3
_SAME_ROW = 1e-3  # largest difference of an example alone and in a batch, relative
_NUMBERS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.UINT8)


def make_extractor(name: str, path: Path, settings: Settings, taken: Input | None) -> Extractor:
    """Returns the extractor of a file for inputs of a size.

    Raises:
        BackboneError: The file cannot be used; the text says why.
    """
    taken = taken or settings.taken
    if taken is None:
        raise BackboneError(
            f"The backbone '{name}' takes images of any size.",
            where="backbone.input_size",
            fix="Set backbone.input_size to the size that the network was trained with.",
        )
    file = _File(name, path)
    model = file.read(settings)
    return file.checked(_composed(file, model, settings, tuple(taken.shape)))


class _File:
    """An ONNX file that somebody else may have made."""

    def __init__(self, name: str, path: Path):
        self.name = name
        self.path = path

    def refused(self, why: str, **parts: Any) -> BackboneError:
        return BackboneError(
            f"The backbone '{self.name}' cannot be used. {why}", where=str(self.path), **parts
        )

    def read(self, settings: Settings) -> onnx.ModelProto:
        """Returns the model with all weights inside, only what the outputs need, and new names."""
        model = read_onnx(self.path)
        self._load_weights(model)
        model = self._with_known_opset(model)
        del model.graph.value_info[:], model.metadata_props[:]
        weights = {one.name for one in model.graph.initializer}
        for value in [one for one in model.graph.input if one.name in weights]:
            model.graph.input.remove(value)
        self._cut(model, settings.outputs)
        return prefixed(model, _PREFIX)

    def checked(self, extractor: Extractor) -> Extractor:
        """Runs the network on noise: examples must not depend on others in their batch."""
        noise = np.random.default_rng(0).random((_NUM_EXAMPLES, *extractor.input_shape), np.float32)
        levels = np.geomspace(0.01, 1, _NUM_EXAMPLES).reshape(-1, *[1] * len(extractor.input_shape))
        raw = noise * levels * (255 if len(extractor.input_shape) == 3 else 1)
        together = extractor.features(raw)
        alone = np.concatenate([extractor.features(row[None]) for row in raw])
        if together.shape != alone.shape or len(together) != len(raw):
            raise self.refused("Its features are not one row per example.", fix=OPEN_BATCH)
        if not np.isfinite(together).all():
            raise self.refused("Its features of noise are not finite.")
        if np.abs(together - alone).max() > _SAME_ROW * np.abs(together).max():
            raise self.refused(
                "The features of an example depend on the others in its batch.",
                fix="Export the network so that each example is computed by itself.",
            )
        return extractor

    def _load_weights(self, model: onnx.ModelProto) -> None:
        """Reads weights from other files, which must be in the folder of this one."""
        folder = self.path.parent.resolve()
        size = self.path.stat().st_size
        places = {
            entry.value
            for tensor in external_tensors(model)
            for entry in tensor.external_data
            if entry.key == "location"
        }
        for place in places:
            target = Path(os.path.realpath(folder / place))
            if folder not in target.parents or Path(place).is_absolute():
                raise self.refused(
                    "Its weights are in a file outside of its folder.", received=place
                )
            if not target.is_file():
                raise self.refused("A file with its weights is missing.", received=place)
            size += target.stat().st_size
        if size > MAX_BYTES:
            raise self.refused(
                "It is too large.", expected=f"at most {MAX_BYTES:,} bytes", received=f"{size:,}"
            )
        try:
            external_data_helper.load_external_data_for_model(model, str(folder))
        except Exception as error:  # onnx raises errors of several classes
            raise self.refused("Its weights cannot be read.", received=_line(error)) from error
        if next(external_tensors(model), None) is not None:
            raise self.refused("A function or an inner graph has its weights in another file.")

    def _with_known_opset(self, model: onnx.ModelProto) -> onnx.ModelProto:
        opset = opset_of(model)
        if opset >= OLDEST_OPSET:
            return model
        try:
            return version_converter.convert_version(model, OLDEST_OPSET)
        except Exception as error:  # written in C++, raises what it likes
            raise self.refused(
                f"Its opset is {opset}, and it cannot be converted to {OLDEST_OPSET}.",
                received=_line(error),
                fix=f"Export the network again with opset {OLDEST_OPSET} or newer.",
            ) from error

    def _cut(self, model: onnx.ModelProto, outputs: tuple[str, ...]) -> None:
        """Gives the graph these outputs, and removes what they don't need."""
        graph = model.graph
        made = {name: node for node in graph.node for name in node.output if name}
        for name in outputs:
            if name not in made:
                listed = ", ".join(one.name for one in graph.output)
                raise self.refused(
                    f"It has no output '{name}'.", expected=f"{listed}, or another value inside"
                )
        needed, wanted = set(), list(outputs)
        while wanted:
            name = wanted.pop()
            if name in needed:
                continue
            needed.add(name)
            if name in made:
                wanted.extend(made[name].output)
                wanted.extend(_used(made[name]))
        nodes = [node for node in graph.node if not needed.isdisjoint(node.output)]
        weights = [one for one in graph.initializer if one.name in needed]
        for field, kept in ((graph.node, nodes), (graph.initializer, weights)):
            del field[:]
            field.extend(kept)
        del graph.output[:]
        graph.output.extend(helper.make_empty_tensor_value_info(name) for name in outputs)


def _composed(
    file: _File, model: onnx.ModelProto, settings: Settings, shape: tuple[int, ...]
) -> Extractor:
    (given,) = model.graph.input
    kind = given.type.tensor_type.elem_type
    if kind not in _NUMBERS:
        raise file.refused(
            "Its input has a type that images and audio don't have.",
            received=TensorProto.DataType.Name(kind),
        )
    if kind == TensorProto.UINT8 and (settings.image is None or settings.image.changes_values):
        raise file.refused(
            "Its input has the type UINT8, which cannot hold normalized values.",
            received=f"{settings.image or settings.audio}",
            fix="Set scale: 1, mean: 0, std: 1 if the network normalizes pixels itself; otherwise "
            "export it again with an input of floats.",
        )
    nodes = Nodes(model, "input")
    raw = "input/raw"
    rank = len(given.type.tensor_type.shape.dim)
    ready = (
        audio_input(nodes, raw, settings.audio, shape, rank)
        if settings.audio is not None
        else image_input(nodes, raw, settings.image)
    )
    nodes.put_before(nodes.add("Cast", ready, to=kind), raw)
    given.CopyFrom(float_value(raw, [BATCH, *shape]))
    shapes = _output_shapes(file, model, shape)
    after = Nodes(model, "output")
    vectors = [
        pooled(file.refused, after, value.name, found, settings)
        for value, found in zip(list(model.graph.output), shapes, strict=True)
    ]
    after.add_named("Concat", FEATURES, *[name for name, _ in vectors], axis=1)
    after.put_after()
    del model.graph.output[:]
    model.graph.output.append(float_value(FEATURES, [BATCH, sum(dim for _, dim in vectors)]))
    model.graph.name = "backbone"
    return Extractor(model)


def _output_shapes(
    file: _File, model: onnx.ModelProto, shape: tuple[int, ...]
) -> list[tuple[int, ...]]:
    """Returns the shapes of the outputs for a batch of two."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, ["CPUExecutionProvider"]
        )
        found = session.run(None, {model.graph.input[0].name: np.zeros((2, *shape), np.float32)})
    except Exception as error:  # the runtime has a class of its own for each kind
        raise file.refused(
            f"ONNX Runtime cannot run it with a batch of two inputs of the shape {shape}.",
            received=_line(error),
            fix="Export the network again with an open batch axis, for inputs of this size.",
        ) from error
    return [one.shape for one in found]


def _used(node: onnx.NodeProto) -> Iterator[str]:
    """Yields the names that a node uses, those in its inner graphs included."""
    yield from node.input
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            yield from (one.name for one in graph.output)
            for inner in graph.node:
                yield from _used(inner)


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
