"""What goes into a model for images: the backbone's input and the input contract."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from kerastl.errors import BackboneError
from kerastl.media.base import BackboneInput, InputContract

Resize = Literal["stretch", "pad", "crop"]


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


class ImageContract(InputContract):
    """The input contract for images.

    Args:
        resize: What happens to the proportions.
    """

    foreign_keys = frozenset({"sample_rate_hz", "window"})

    modality: Literal["image"] = "image"
    resize: Resize = "stretch"

    @property
    def details(self) -> tuple[str, ...]:
        """The geometry and the version of the decoding rule."""
        return self.resize, f"rule {self.rule_version}"

    def backbone_input(self) -> ImageInput:
        """Returns the same input as a backbone states it."""
        return ImageInput(height=self.shape[0], width=self.shape[1])
