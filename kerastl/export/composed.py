"""The composed model of a run whose backbone is no Keras model: backbone and heads in one graph.

Convention: as in the serving model, the calibration is part of the weights of the last layers.
"""

import copy
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import keras
import numpy as np

from kerastl.backbones.extractor import Extractor
from kerastl.backbones.onnx_graph import BATCH, Nodes, float_value
from kerastl.config.head import Head
from kerastl.export.serving import calibrated_weights
from kerastl.heads.builder import find_heads
from kerastl.run.bundle import Bundle

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True, kw_only=True)
class ComposedModel:
    """From raw input to calibrated probabilities by head name, in ONNX.

    Args:
        extractor: From raw input to the features of all views.
        heads: The Keras model from there.
        bundle: The bundle of the run.
    """

    extractor: Extractor
    heads: keras.Model
    bundle: Bundle
    takes_any_extent = False
    joins_windows = False

    @property
    def input_name(self) -> str:
        """Name of the input: that of the media type."""
        return self.bundle.input.modality

    @property
    def dtype(self) -> np.dtype:
        """Type of the input, as files are decoded."""
        return self.bundle.media.decoder(self.bundle.input).dtype

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Shape of one input."""
        return self.extractor.input_shape

    @cached_property
    def model(self) -> "onnx.ModelProto":
        """The model."""
        from onnx import TensorProto, helper

        model = copy.deepcopy(self.extractor.model)
        before, after = Nodes(model, "raw"), Nodes(model, "heads")
        before.put_before(
            before.add("Cast", self.input_name, to=TensorProto.FLOAT), self.input_name
        )
        kind = helper.np_dtype_to_tensor_dtype(self.dtype)
        model.graph.input[0].type.tensor_type.elem_type = kind
        features = model.graph.output[0].name
        del model.graph.output[:]
        for head in find_heads(self.heads):
            after.add_named("Sigmoid", head.name, self._logits(after, features, head))
            model.graph.output.append(float_value(head.name, [BATCH, len(head.tasks)]))
        after.put_after()
        return model

    def _logits(self, nodes: Nodes, value: str, head: Head) -> str:
        for number in range(len(head.hidden)):
            layer = self.heads.get_layer(f"{head.name}_hidden_{number + 1}")
            value = nodes.add("Relu", _dense(nodes, value, *layer.get_weights()))
        return _dense(nodes, value, *calibrated_weights(self.heads, head, self.bundle))


def _dense(nodes: Nodes, value: str, kernel: np.ndarray, bias: np.ndarray) -> str:
    product = nodes.add("MatMul", value, nodes.constant(kernel))
    return nodes.add("Add", product, nodes.constant(bias))
