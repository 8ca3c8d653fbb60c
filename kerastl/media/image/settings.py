"""Settings that exist for images alone: keys of a config below `data` and `augment`."""

from typing import Annotated

from pydantic import Field

from kerastl.media.image.contract import Resize
from kerastl.settings import Fraction, Section


class ImageSettings(Section):
    """How an image becomes an input."""

    resize: Resize = Field(
        default="stretch", description="How an image is brought to the size of the input."
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
