"""Views of a backbone: more features from the same weights than one pass of one input gives.

Convention: a view is a change of the raw input. Each view passes through the network once, and its
blocks of features come from the middle stages and from the top of the network. Blocks of mirrored
and shifted inputs are averaged, those of other sizes are appended.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from kerastl.media.view import View

TINY = 1e-6


@dataclass(frozen=True, kw_only=True)
class Views:
    """What a backbone computes of each input."""

    # Changes of the input, at least one; those with equal sizes follow each other.
    views: tuple[View, ...] = (View(),)
    # The two stages before the last, pooled; and the feature vector of the network.
    stages: tuple[Literal["middle", "top"], ...] = ("middle", "top")
    pooling: tuple[Literal["mean", "max"], ...] = ("mean", "max")  # over space or time
    # "sqrt" takes the square root of the size of each feature and keeps its sign.
    transform: Literal["none", "sqrt"] = "sqrt"

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Returns the views of a saved mapping, as `dataclasses.asdict` makes it."""
        return cls(
            views=tuple(map(View.from_values, values["views"])),
            stages=tuple(values["stages"]),
            pooling=tuple(values["pooling"]),
            transform=values["transform"],
        )

    @property
    def sizes(self) -> tuple[tuple[int, int] | None, ...]:
        """The sizes of the views, each once."""
        return tuple(dict.fromkeys(view.size for view in self.views))

    def combine(self, blocks: Sequence[Any], ops: Any) -> Any:
        """Returns the features of a batch; arguments as of `join`."""
        return self.transformed(self.join(blocks, ops), ops)

    def join(self, blocks: Sequence[Any], ops: Any) -> Any:
        """Returns the features before the transform, of which those of windows are averaged.

        The blocks are `(batch, dim)`, in the order of `views`; `ops` is `numpy` or `keras.ops`.
        """
        means = []
        for size in self.sizes:
            same = [
                block for view, block in zip(self.views, blocks, strict=True) if view.size == size
            ]
            means.append(sum(same[1:], start=same[0]) / len(same))
        return ops.concatenate(means, axis=1)

    def transformed(self, features: Any, ops: Any) -> Any:
        """Returns joined features, `(batch, dim)`, after the transform."""
        if self.transform == "none":
            return features
        return features / ops.sqrt(ops.abs(features) + TINY)
