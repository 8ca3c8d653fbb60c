"""One view of an input: the input as it is, or resized, mirrored or shifted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class View:
    """How an input is changed before the backbone sees it.

    Args:
        size: Height and width to which it is resized, or None if it keeps its size.
        is_mirrored: Whether it is mirrored left to right.
        shift: Number of samples by which it is shifted, positive for later; zeros fill the gap.
    """

    size: tuple[int, int] | None = None
    is_mirrored: bool = False
    shift: int = 0

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Returns the view of a saved mapping."""
        size = values["size"]
        return cls(**{**values, "size": None if size is None else tuple(size)})

    @property
    def changes_inputs(self) -> bool:
        """Whether the input is changed besides its size."""
        return self.is_mirrored or self.shift != 0

    def change(self, inputs: Any, ops: Any) -> Any:
        """Returns a batch of inputs mirrored and shifted; the size is the network's affair.

        Args:
            inputs: Shape `(batch, height, width, channels)` or `(batch, samples)`.
            ops: `numpy` or `keras.ops`.
        """
        if self.is_mirrored:
            inputs = ops.flip(inputs, 2)
        if self.shift > 0:
            inputs = ops.pad(inputs, ((0, 0), (self.shift, 0)))[:, : -self.shift]
        elif self.shift < 0:
            inputs = ops.pad(inputs, ((0, 0), (0, -self.shift)))[:, -self.shift :]
        return inputs
