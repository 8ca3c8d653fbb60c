"""The schema of `features`: what a frozen backbone computes of each example."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, Tag

from kerastl.media.media_types import MEDIA_TYPES, merged_fields
from kerastl.settings import Listed, Section, choice, tag_by_key, with_fields

_Some = Field(min_length=1)


@with_fields(merged_fields(media.view_settings for media in MEDIA_TYPES.values()))
class FeaturesConfig(Section):
    """What a frozen backbone computes of each example."""

    stages: Annotated[tuple[Literal["middle", "top"], ...], Listed, _Some] = Field(
        default=("middle", "top"),
        description="Parts of the backbone that give features: middle (the two stages before the "
        "last, pooled) and top (its feature vector).",
    )
    pooling: Annotated[tuple[Literal["mean", "max"], ...], Listed, _Some] = Field(
        default=("mean", "max"),
        description="How the middle stages are pooled over space or time: mean, max or both.",
    )
    transform: Literal["none", "sqrt"] = Field(
        default="sqrt", description="sqrt: the square root of each feature, with its sign; or none."
    )


class AutoFeatures(Section):
    """The features are chosen by the out-of-fold loss on the training rows."""

    cost: Annotated[float, Field(ge=1, allow_inf_nan=False)] = Field(
        default=4.0,
        description="Largest cost of a prediction, in passes of one example at "
        "backbone.input_size, 1 or more.",
    )


Features = Annotated[
    Annotated[FeaturesConfig, Tag("<keys>")]
    | Annotated[AutoFeatures, Tag("<auto>")]
    | Annotated[None, Tag("<null>")],
    choice(
        "auto, {cost: 4}, null, or keys such as stages and pooling",
        by=lambda value: tag_by_key(value, cost="<auto>", otherwise="<keys>"),
    ),
    BeforeValidator(
        lambda value: {"cost": AutoFeatures().cost} if value == "auto" else value,
        json_schema_input_type=FeaturesConfig | AutoFeatures | Literal["auto"] | None,
    ),
]
