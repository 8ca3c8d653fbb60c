"""The input contract of models for images, and the keys of a config for images alone."""

from typing import Annotated, Literal

from pydantic import Field, Tag

from kerastl.media.base import InputContract
from kerastl.media.image.input import ImageInput
from kerastl.settings import Count, Fraction, Listed, Section, Sides, choice

Resize = Literal["stretch", "pad", "crop"]


class ImageContract(InputContract):
    """The input contract for images; `resize` is what happens to the proportions."""

    foreign_keys = frozenset({"sample_rate_hz", "window"})
    rank = 3

    modality: Literal["image"] = "image"
    resize: Resize = "stretch"

    @property
    def details(self) -> tuple[str, ...]:
        return self.resize, f"rule {self.rule_version}"

    def backbone_input(self) -> ImageInput:
        return ImageInput(height=self.shape[0], width=self.shape[1])


class ImageSettings(Section):
    """How an image becomes an input."""

    resize: Resize = Field(
        default="stretch", description="How an image is brought to the size of the input."
    )


Size = Annotated[
    Annotated[Count, Tag("<number>")] | Annotated[Sides, Tag("<list>")],
    choice("a whole number, or [height, width]"),
]


class ImageViews(Section):
    """How often a frozen backbone looks at an image."""

    sizes: Annotated[tuple[Size, ...], Listed] = Field(
        default=(),
        description="Sizes at which the backbone looks at each image, in pixels a side or "
        "[height, width]; the model takes images of the largest. None: backbone.input_size.",
    )
    flips: bool = Field(
        default=False,
        description="Average the features of each image and of its mirror image; twice the cost.",
    )


class ImageAugmentation(Section):
    """Random changes of training images."""

    flip: bool = Field(default=False, description="Mirror half of the images left to right.")
    rotate: Annotated[float, Field(ge=0, le=0.5)] = Field(
        default=0.0, description="Largest turn either way, as a part of the full circle, 0 to 0.5."
    )
    zoom: Fraction = Field(default=0.0, description="Largest zoom either way, as a part of size.")
    shift: Fraction = Field(
        default=0.0, description="Largest shift either way, as a part of the input's extent."
    )
    brightness: Fraction = Field(
        default=0.0, description="Largest change of brightness either way, as a part of the range."
    )
    contrast: Fraction = Field(
        default=0.0, description="Largest change of contrast either way, as a part of it."
    )
