"""The images that a backbone takes."""

import dataclasses
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
        height, width = (size, size) if isinstance(size, int) else size
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
