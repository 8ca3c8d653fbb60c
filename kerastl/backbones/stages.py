"""Stages of a backbone, derived from its architecture.

Convention: a stage begins at the last point before the resolution falls that a single tensor
crosses, so a stage never splits a block or a shortcut connection.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kerastl.backbones.spec import Stage
from kerastl.backbones.wiring import operations, spans

if TYPE_CHECKING:
    import keras

_FALL = 0.6
"""The resolution falls if it shrinks to this share or less: a half, with a margin for odd sizes."""

_FEW_STAGES = 3


@dataclass(frozen=True)
class _Cut:
    """A place between two layers that few tensors cross."""

    index: int  # of the layer after it
    resolution: int  # smallest side of the tensors that cross, 0 for vectors
    num_values: int  # per example, in all tensors that cross


def stages_by_resolution(model: "keras.Model") -> tuple[Stage, ...]:
    """Groups the layers of a functional model by the resolution they work at.

    Args:
        model: A functional model, raw input to feature vector, with fixed input size.

    Returns:
        Stages from input to output, each with weights; together they name every layer and
        operation of the model once. A model whose resolution never falls is one stage.
    """
    layers = operations(model)
    bounds = _bounds(model, num_tensors=1)
    if len(bounds) <= _FEW_STAGES:
        # In NASNet each cell takes the outputs of two cells, so two tensors cross every place.
        bounds = max(bounds, _bounds(model, num_tensors=2), key=len)
    return tuple(
        Stage(name=f"stage_{number}", layers=tuple(layer.name for layer in layers[begin:end]))
        for number, (begin, end) in enumerate(itertools.pairwise(bounds), start=1)
    )


def _bounds(model: "keras.Model", *, num_tensors: int) -> list[int]:
    layers, cuts = operations(model), _cuts(model, num_tensors=num_tensors)
    return _with_weights_between(layers, [*_starts(layers, cuts), len(layers)])


def _starts(layers: Sequence["keras.Layer"], cuts: Sequence[_Cut]) -> list[int]:
    starts = [0]
    known = [cut for cut in cuts if cut.resolution]
    lowest = known[0].resolution if known else 0
    for before, after in itertools.pairwise(known):
        if after.resolution <= lowest * _FALL:
            lowest = after.resolution
            starts.append(_narrowest(layers, cuts, before).index)
    return starts


def _narrowest(layers: Sequence["keras.Layer"], cuts: Sequence[_Cut], last: _Cut) -> _Cut:
    """Returns the narrowest cut up to `last`, looking back past one convolution.

    So a padding layer and the expansion of an inverted bottleneck belong to the stage that follows.
    """
    reach: list[_Cut] = []
    num_kernels = 0
    for cut in reversed([cut for cut in cuts if cut.index <= last.index]):
        contiguous = not reach or reach[-1].index == cut.index + 1
        weights = getattr(layers[cut.index], "weights", ())
        num_kernels += bool(reach) and any(len(weight.shape) > 2 for weight in weights)
        if not contiguous or num_kernels > 1:
            break
        reach.append(cut)
    return min(reach, key=lambda cut: cut.num_values)


def _with_weights_between(layers: Sequence["keras.Layer"], bounds: Sequence[int]) -> list[int]:
    """Drops bounds so that a stage without weights joins the previous one, or the next if first."""
    kept = [0]
    for begin, end in itertools.pairwise(bounds):
        if any(_can_learn(layer) for layer in layers[begin:end]):
            kept.append(end)
        elif len(kept) > 1:
            kept[-1] = end
    return kept if len(kept) > 1 else [0, len(layers)]


def _cuts(model: "keras.Model", *, num_tensors: int) -> list[_Cut]:
    """Returns every place that at most `num_tensors` tensors cross, input to output."""
    starting: dict[int, list[tuple[keras.KerasTensor, int]]] = {}
    for tensor, first, last in spans(model):
        starting.setdefault(first, []).append((tensor, last))
    cuts = []
    crossing: list[tuple[keras.KerasTensor, int]] = []
    for index in range(len(operations(model))):
        crossing = [(tensor, last) for tensor, last in crossing if last >= index]
        if 1 <= len(crossing) <= num_tensors:
            shapes = [tuple(tensor.shape[1:]) for tensor, _ in crossing]
            sides = [shape[0] for shape in shapes if len(shape) > 1 and shape[0] is not None]
            num_values = sum(math.prod(side or 1 for side in shape) for shape in shapes)
            cuts.append(_Cut(index, min(sides, default=0), num_values))
        crossing.extend(starting.get(index, ()))
    return cuts


def _can_learn(layer: "keras.Layer") -> bool:
    """Whether a layer has more than the constants of a preprocessing, frozen or not."""
    import keras

    return bool(getattr(layer, "weights", ())) and not isinstance(layer, keras.layers.Normalization)
