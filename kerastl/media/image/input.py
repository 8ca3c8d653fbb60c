"""The images that a backbone takes."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from kerastl.errors import BackboneError
from kerastl.media.backbone_input import BackboneInput


@dataclass(frozen=True, kw_only=True)
class ImageInput(BackboneInput):
    """An image: RGB float32 in [0, 255], shape `(batch, height, width, 3)`.

    Args:
        height: Default height in pixels.
        width: Default width in pixels.
        min_size: Smallest side in pixels that the network can take.
    """

    height: int
    width: int
    min_size: int = 32

    modality: ClassVar[str] = "image"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return (self.height, self.width, 3)

    @property
    def summary(self) -> str:
        """The size in words."""
        return f"image {self.height} x {self.width}"

    def resized(self, size: int | tuple[int, int], *, backbone: str) -> Self:
        """Returns the input with another height and width; see `BackboneInput`."""
        height, width = sides_of(size)
        if min(height, width) < self.min_size:
            raise BackboneError(
                f"The images are too small for the backbone '{backbone}'.",
                expected=f"at least {self.min_size} pixels a side",
                received=f"{height} x {width}",
                fix=f"Set backbone.input_size to {self.min_size} or more.",
            )
        return dataclasses.replace(self, height=height, width=width)

    def smallest(self) -> Self:
        """Returns the input with the smallest sides that the network can take."""
        return dataclasses.replace(self, height=self.min_size, width=self.min_size)


def sides_of(size: int | Sequence[int]) -> tuple[int, int]:
    """Returns height and width of a size: the side of a square, or both."""
    sides = [size, size] if isinstance(size, int) else size
    is_pair = isinstance(sides, Sequence) and len(sides) == 2
    if not (is_pair and all(isinstance(side, int) and side > 0 for side in sides)):
        raise BackboneError(
            "The input size is not valid.",
            where="input_size",
            expected="a number of pixels, or (height, width)",
            received=repr(size),
        )
    height, width = sides
    return height, width
