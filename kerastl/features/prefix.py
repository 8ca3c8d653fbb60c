"""The frozen beginning of a backbone of which only the last stages learn: it runs once.

Convention: the backbone is cut where a single tensor flows from what stands still into what learns.
What crosses the cut is constant, so every epoch starts there.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerastl.backbones import Backbone
from kerastl.data.inputs.batches import Inputs
from kerastl.data.inputs.streams import FileInputs, stream_inputs
from kerastl.features.engines.choice import Engines
from kerastl.features.source import FeatureSource
from kerastl.heads.builder import find_layer, head_model
from kerastl.progress import Progress
from kerastl.scratch import scratch_array

_MAX_DISK_BYTES = 32 * 10**9


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A backbone in two parts that share its weights.

    Args:
        prefix: From raw input to what crosses the cut.
        suffix: From there to the features.
    """

    prefix: keras.Model
    suffix: keras.Model

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of what crosses the cut, for one example."""
        return tuple(self.prefix.output_shape[1:])


class CutInputs:
    """What crosses the cut, for the examples that are fitted or validated on.

    Args:
        values: One row per kept example.
        places: Row of each example in `values`, -1 where it isn't kept.
    """

    def __init__(self, values: np.ndarray, places: np.ndarray):
        self.values = values
        self.places = places

    def __len__(self) -> int:
        return len(self.places)

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Returns the rows of these examples."""
        return self.values[self.places[indices]]


def find_cut(layer: Backbone) -> Cut | None:
    """Returns the cut before the stages that learn, or None where there is no such place.

    A prefix that draws at random isn't constant when BatchNorm follows the new data, because then
    its Dropout is active.
    """
    if isinstance(layer.learns, bool) or not isinstance(layer.learns, int):
        return None
    if layer.learns >= len(layer.stages):
        return None
    kept = {name for stage in layer.stages[-layer.learns :] for name in stage.layers}
    operations = list(layer.model.operations)
    crossing = _crossing([o for o in operations if o.name not in kept], operations, kept)
    if len(crossing) != 1:
        return None
    if layer.batch_norm == "update" and any(
        hasattr(o, "seed_generator") for o in operations if o.name not in kept
    ):
        return None
    return Cut(
        prefix=keras.Model(layer.model.input, crossing[0]),
        suffix=keras.Model(crossing[0], layer.model.output),
    )


def suffix_model(model: keras.Model, cut: Cut) -> keras.Model:
    """Returns what learns, sharing the model's weights: from the cut to the heads' logits."""
    raw = keras.Input(cut.shape, dtype=cut.suffix.input.dtype)
    layer = Backbone(cut.suffix, batch_norm=find_layer(model).batch_norm, name="backbone")
    return keras.Model(raw, head_model(model)(layer(raw)))


def run_prefix(
    cut: Cut,
    inputs: Inputs,
    rows: np.ndarray,
    *,
    source: FeatureSource,
    progress: Progress,
) -> CutInputs:
    """Passes examples through the prefix once, in the precision of the shipped model.

    Args:
        cut: The backbone in two parts.
        inputs: Raw inputs of all examples.
        rows: Indices of the examples to pass.
        source: Says which engine.
        progress: Told how many are done.

    Raises:
        OSError: There is no room for what crosses the cut.
    """
    values = _room((len(rows), *cut.shape))
    places = np.full(len(inputs), -1)
    places[rows] = np.arange(len(rows))
    engines = Engines(
        cut.prefix,
        inputs.dtype if isinstance(inputs, FileInputs) else inputs.take(rows[:1]).dtype,
        asked=source.engine,
        folder=None,
        sample=lambda: inputs.take(rows[np.linspace(0, len(rows) - 1, 64).astype(int)]),
        progress=progress,
    )
    label = engines.choose("exact", len(rows))
    progress.step(f"Frozen stages by {label}", len(rows))
    num_done = 0
    for part, output in engines.engine(label).run(stream_inputs(inputs, rows)):
        values[places[part.rows]] = output
        num_done += len(part.rows)
        progress.advance(num_done)
    return CutInputs(values, places)


def _crossing(frozen: Sequence[Any], operations: Sequence[Any], kept: set[str]) -> list[Any]:
    """Returns the tensors that flow from frozen operations into those that learn."""
    made = {id(tensor): tensor for operation in frozen for tensor in _outputs(operation)}
    used = {
        id(tensor)
        for operation in operations
        if operation.name in kept
        for tensor in _inputs(operation)
    }
    return [tensor for key, tensor in made.items() if key in used]


def _inputs(operation: Any) -> list[Any]:
    return [t for node in operation._inbound_nodes[:1] for t in node.input_tensors]


def _outputs(operation: Any) -> list[Any]:
    return [t for node in operation._inbound_nodes[:1] for t in node.outputs]


def _room(shape: tuple[int, ...]) -> np.ndarray:
    num_bytes = 4 * math.prod(shape)
    if num_bytes > _MAX_DISK_BYTES:
        raise OSError(f"{num_bytes / 1e9:.0f} GB are too much")
    return scratch_array(shape, np.float32)
