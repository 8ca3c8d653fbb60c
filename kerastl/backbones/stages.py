"""Stages of a backbone, derived from its architecture.

Convention: a stage begins at the last point before the resolution falls through which everything
flows as a single tensor, so stages never cut a block or a shortcut in two.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kerastl.backbones.spec import Stage

if TYPE_CHECKING:
    import keras

_Tensors = Sequence["keras.KerasTensor"]

_FALL = 0.6
"""A fall is to this share of the resolution or less: a half, with some give for odd sizes."""

_FEW_STAGES = 3


@dataclass(frozen=True)
class _Cut:
    """A place between two layers that few tensors cross.

    Args:
        index: Of the layer after it.
        resolution: Smallest side of the tensors that cross, 0 for vectors.
        num_values: Values in all tensors that cross, per example.
    """

    index: int
    resolution: int
    num_values: int


def stages_by_resolution(model: "keras.Model") -> tuple[Stage, ...]:
    """Groups the layers of a functional model by the resolution they work at.

    Args:
        model: A functional model, raw input to feature vector, with fixed input size.

    Returns:
        Stages from input to output, each with weights; together they name every layer and
        operation of the model once. A model whose resolution never falls is one stage.
    """
    layers = list(model.operations)
    bounds = _bounds(layers, num_tensors=1)
    if len(bounds) <= _FEW_STAGES:
        # Cells that look two cells back, as NASNet's, leave no place that one tensor crosses.
        bounds = max(bounds, _bounds(layers, num_tensors=2), key=len)
    return tuple(
        Stage(name=f"stage_{number}", layers=tuple(layer.name for layer in layers[begin:end]))
        for number, (begin, end) in enumerate(itertools.pairwise(bounds), start=1)
    )


def _bounds(layers: Sequence["keras.Layer"], *, num_tensors: int) -> list[int]:
    cuts = _cuts(layers, num_tensors=num_tensors)
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

    That takes a padding and the expansion of an inverted bottleneck into the stage that they
    prepare.
    """
    reach: list[_Cut] = []
    num_kernels = 0
    for cut in reversed([cut for cut in cuts if cut.index <= last.index]):
        contiguous = not reach or reach[-1].index == cut.index + 1
        num_kernels += bool(reach) and _has_kernel(layers[cut.index])
        if not contiguous or num_kernels > 1:
            break
        reach.append(cut)
    return min(reach, key=lambda cut: cut.num_values)


def _with_weights_between(layers: Sequence["keras.Layer"], bounds: Sequence[int]) -> list[int]:
    """Drops bounds so that a stage without weights joins the one before it, the first the next."""
    kept = [0]
    for begin, end in itertools.pairwise(bounds):
        if any(_can_learn(layer) for layer in layers[begin:end]):
            kept.append(end)
        elif len(kept) > 1:
            kept[-1] = end
    return kept if len(kept) > 1 else [0, len(layers)]


def _cuts(layers: Sequence["keras.Layer"], *, num_tensors: int) -> list[_Cut]:
    """Returns every place that at most `num_tensors` tensors cross, input to output."""
    wiring = _wiring(layers)
    last_use = {id(t): index for index, (inputs, _) in enumerate(wiring) for t in inputs}
    cuts = []
    alive: dict[int, keras.KerasTensor] = {}
    for index, (_, outputs) in enumerate(wiring):
        alive = {key: t for key, t in alive.items() if last_use.get(key, -1) >= index}
        if 1 <= len(alive) <= num_tensors:
            cuts.append(_cut(index, list(alive.values())))
        alive.update((id(t), t) for t in outputs)
    return cuts


def _cut(index: int, tensors: Sequence["keras.KerasTensor"]) -> _Cut:
    sides = [t.shape[1] for t in tensors if len(t.shape) > 2 and t.shape[1] is not None]
    return _Cut(
        index=index,
        resolution=min(sides, default=0),
        num_values=sum(math.prod(side or 1 for side in t.shape[1:]) for t in tensors),
    )


def _wiring(layers: Sequence["keras.Layer"]) -> list[tuple[_Tensors, _Tensors]]:
    """Returns what goes into each layer and what comes out, in this model.

    A nested model also has a node of its own, and a shared layer one for each call.
    """
    produced: set[int] = set()
    wiring = []
    for layer in layers:
        node = next(
            node
            for node in layer._inbound_nodes
            if all(id(tensor) in produced for tensor in node.input_tensors)
        )
        wiring.append((node.input_tensors, node.outputs))
        produced.update(id(tensor) for tensor in node.outputs)
    return wiring


def _has_kernel(layer: "keras.Layer") -> bool:
    return any(len(weight.shape) > 2 for weight in getattr(layer, "weights", ()))


def _can_learn(layer: "keras.Layer") -> bool:
    """Whether a layer has more than the constants of a preprocessing, frozen or not."""
    import keras

    return bool(getattr(layer, "weights", ())) and not isinstance(layer, keras.layers.Normalization)
