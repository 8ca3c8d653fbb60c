"""The input contract of models for images."""

from typing import Literal

from kerastl.media.base import InputContract
from kerastl.media.image.input import ImageInput

Resize = Literal["stretch", "pad", "crop"]


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
