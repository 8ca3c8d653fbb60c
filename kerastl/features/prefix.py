"""The frozen first stages of a backbone whose last stages are trained.

Convention: the backbone is split where a single tensor flows from the frozen stages into the
trained ones. This tensor is constant for each example, so it is computed once and every epoch
starts there.
"""

import math
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerastl.backbones import Backbone
from kerastl.backbones.wiring import operations, tensors_into
from kerastl.data.inputs.batches import Inputs
from kerastl.data.inputs.streams import stream_inputs
from kerastl.features.computation import FeatureComputation
from kerastl.features.engines.agreement import NUM_EXAMPLES
from kerastl.features.engines.engine import EngineName
from kerastl.features.engines.network_engines import NetworkEngines
from kerastl.features.engines.selection import EngineSelector
from kerastl.features.extraction import input_dtype
from kerastl.features.network import Network
from kerastl.heads.builder import find_layer, head_model
from kerastl.progress import Progress
from kerastl.scratch import scratch_array

_MAX_DISK_BYTES = 32 * 10**9


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A backbone in two parts that share its weights, with one tensor between them."""

    prefix: keras.Model
    suffix: keras.Model

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the tensor between the two parts, for one example."""
        return tuple(self.prefix.output_shape[1:])


class PrefixOutputs:
    """Outputs of the prefix, as the inputs of the examples that are trained or validated on.

    Args:
        values: One row per computed example.
        positions: Row of each example in `values`, -1 if it was not computed.
    """

    def __init__(self, values: np.ndarray, positions: np.ndarray):
        self.values = values
        self.positions = positions

    def __len__(self) -> int:
        return len(self.positions)

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Returns the rows of these examples."""
        return self.values[self.positions[indices]]


def find_cut(layer: Backbone) -> Cut | None:
    """Returns the cut before the trained stages, or None if a single cut is not possible.

    A prefix with Dropout is not constant if BatchNorm updates its statistics, because then the
    backbone runs in training mode.
    """
    if layer.views is not None or isinstance(layer.learns, bool | tuple):
        return None
    if layer.learns >= len(layer.stages):
        return None
    trained = {name for stage in layer.stages[-layer.learns :] for name in stage.layers}
    crossing = tensors_into(layer.model, trained)
    if crossing is None or len(crossing) != 1:
        return None
    if layer.batch_norm == "update" and any(
        has_random_state(operation)
        for operation in operations(layer.model)
        if operation.name not in trained
    ):
        return None
    return Cut(
        prefix=keras.Model(layer.model.input, crossing[0]),
        suffix=keras.Model(crossing[0], layer.model.output),
    )


def has_random_state(operation: Any) -> bool:
    """Returns whether a layer, or one inside it, has a seed generator."""
    return len(getattr(operation, "variables", ())) > len(getattr(operation, "weights", ()))


def suffix_model(model: keras.Model, cut: Cut) -> keras.Model:
    """Returns the trained part, which shares the weights of the model: from the cut to logits."""
    raw = keras.Input(cut.shape, dtype=cut.suffix.input.dtype)
    layer = Backbone(cut.suffix, batch_norm=find_layer(model).batch_norm, name="backbone")
    return keras.Model(raw, head_model(model)(layer(raw)))


def run_prefix(
    cut: Cut,
    inputs: Inputs,
    rows: np.ndarray,
    *,
    engine: EngineName,
    progress: Progress,
) -> PrefixOutputs:
    """Runs the prefix once on the examples with these indices, in the shipped model's precision.

    Raises:
        OSError: There is no room for the outputs.
    """
    shape = (len(rows), *cut.shape)
    num_bytes = 4 * math.prod(shape)
    if num_bytes > _MAX_DISK_BYTES:
        raise OSError(f"{num_bytes / 1e9:.0f} GB are too much")
    values = scratch_array(shape, np.float32)
    positions = np.full(len(inputs), -1)
    positions[rows] = np.arange(len(rows))
    spread = rows[np.linspace(0, len(rows) - 1, NUM_EXAMPLES).astype(int)]
    engines = NetworkEngines(
        network=Network.of(cut.prefix),
        dtype=input_dtype(inputs),
        sample=lambda: inputs.take(spread),
        progress=progress,
    )
    label = EngineSelector(engines, engine).select("scores", len(rows))
    computation = FeatureComputation(engines.engine(label), stream_inputs(inputs, rows))
    num_done = 0
    for _, output in computation.run(len(rows), title="Frozen stages", progress=progress):
        values[num_done : num_done + len(output)] = output
        num_done += len(output)
    return PrefixOutputs(values, positions)
