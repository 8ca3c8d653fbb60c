"""The input contract of models for images, and the keys of a config for images alone."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, Tag

from kerastl.media.base import InputContract
from kerastl.media.image.input import ImageInput
from kerastl.settings import Count, Fraction, Listed, Section, Sides, choice
from kerastl_runtime import input_contract
from kerastl_runtime.input_contract import Resize

FULL = (0.0, 65535.0)


def _ascends(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] >= ends[1]:
        raise ValueError("expected the lower one first, and two different ones")
    return ends


Range = Annotated[
    tuple[
        Annotated[float, Field(allow_inf_nan=False)], Annotated[float, Field(allow_inf_nan=False)]
    ],
    Listed,
    AfterValidator(_ascends),
]


class Percentiles(Section):
    """The range of values between two percentiles of each image."""

    percentiles: Annotated[
        tuple[Annotated[float, Field(ge=0, le=100)], Annotated[float, Field(ge=0, le=100)]],
        Listed,
        AfterValidator(_ascends),
    ] = Field(description="The darkest and the brightest percentile, such as [0.5, 99.5].")


FixedIntensity = Annotated[
    Annotated[Range, Tag("<list>")] | Annotated[Percentiles, Tag("<keys>")],
    choice("[low, high] or {percentiles: [0.5, 99.5]}"),
]


class ImageContract(InputContract):
    """The input contract for images.

    `resize` is what happens to the proportions; `intensity` are the values of gray images of more
    than 8 bits that become 0 and 255, None if training saw no such image; `dicom_window` is whether
    the window of a DICOM comes before it.
    """

    foreign_keys = frozenset({"sample_rate_hz", "window"})
    rank = input_contract.ImageContract.rank
    newest_rule = input_contract.ImageContract.newest_rule

    modality: Literal["image"] = "image"
    resize: Resize = "stretch"
    intensity: FixedIntensity | None = None
    dicom_window: bool = True

    @property
    def details(self) -> tuple[str, ...]:
        found, parts = self.intensity, [str(self.resize)]
        if found is not None:
            ends = found.percentiles if isinstance(found, Percentiles) else found
            kind = "percentiles" if isinstance(found, Percentiles) else "gray values"
            parts.append(f"{kind} {ends[0]:g} to {ends[1]:g}")
        if not self.dicom_window:
            parts.append("windows of DICOM ignored")
        return *parts, f"rule {self.rule_version}"

    def backbone_input(self) -> ImageInput:
        return ImageInput(height=self.shape[0], width=self.shape[1])


class ImageSettings(Section):
    """How an image becomes an input."""

    resize: Resize = Field(
        default="stretch", description="How an image is brought to the size of the input."
    )
    intensity: Annotated[
        Annotated[Literal["auto", "full"], Tag("<text>")]
        | Annotated[Range, Tag("<list>")]
        | Annotated[Percentiles, Tag("<keys>")],
        choice("auto, full, [low, high] or {percentiles: [0.5, 99.5]}"),
    ] = Field(
        default="auto",
        description="Values of gray images of more than 8 bits that become black and white: full "
        "(0 to 65535), [low, high], or percentiles of each image; auto: from 0 to the largest "
        "value of the bits that the images of the table need (8, 10, 12, 14 or 16), 0 to 1 for "
        "floats within it, or the lowest and the highest value if some are negative.",
    )
    dicom_window: bool = Field(
        default=True,
        description="Whether the VOI LUT or window in a DICOM decides what becomes black and "
        "white; a DICOM without one is scaled by intensity.",
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
