"""The schema of `backbone`: the pretrained network, or several of them side by side."""

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    JsonValue,
    Tag,
    ValidationInfo,
    field_validator,
)

from kerastl.settings import Count, Listed, Section, Sides, Text, choice, refuse, shape


def _size_shape(value: Any) -> str | None:
    """Returns the tag of an input size, or None for a list that is not a pair."""
    is_pair = not isinstance(value, list | tuple) or len(value) == 2
    return shape(value) if is_pair else None


Weights = Annotated[
    Text | None,
    Field(
        description="A published name, a file (relative to the config's folder), or null for "
        "random weights; default is the first published name."
    ),
]
InputSize = Annotated[
    Annotated[Count, Tag("<number>")]
    | Annotated[Sides, Tag("<list>")]
    | Annotated[None, Tag("<null>")],
    choice("a whole number, or [height, width]", by=_size_shape),
    Field(
        description="Side of the square input in pixels, or [height, width]; null is the "
        "backbone's own size."
    ),
]
Options = Annotated[
    dict[str, JsonValue],
    Field(description="Options of the backbone, such as alpha; `kerastl backbones show`."),
]


class MemberConfig(Section):
    """One of several backbones."""

    name: Text = Field(description="family:name.")
    weights: Weights = "default"
    input_size: InputSize = None
    options: Options = Field(default={})


def _at_least_two(members: tuple[MemberConfig, ...]) -> tuple[MemberConfig, ...]:
    if len(members) < 2:
        refuse([((), "a list has at least two backbones. Write the name of one without brackets.")])
    return members


Members = Annotated[
    tuple[
        Annotated[
            MemberConfig,
            BeforeValidator(
                lambda value: {"name": value} if isinstance(value, str) else value,
                json_schema_input_type=Text | MemberConfig,
            ),
        ],
        ...,
    ],
    Listed,
    AfterValidator(_at_least_two),
]


class BackboneConfig(Section):
    """The pretrained network."""

    name: Annotated[
        Annotated[Text, Tag("<text>")] | Annotated[Members, Tag("<list>")],
        choice("family:name, or a list of backbones"),
    ] = Field(
        description="family:name, such as applications:mobilenet_v2; `kerastl backbones list` "
        "shows them. The path of run:PATH, onnx:PATH, tfhub:./PATH or keras_hub:./PATH is relative "
        "to the config's folder. Or a list of backbones, frozen, whose features are concatenated: "
        "each a name, or keys such as {name: tiny:image, weights: null}.",
    )
    weights: Weights = "default"
    input_size: InputSize = None
    options: Options = Field(default={})

    @field_validator("weights", "input_size", "options")
    @classmethod
    def _is_of_one_backbone(cls, value: Any, info: ValidationInfo) -> Any:
        key = str(info.field_name)
        if isinstance(info.data.get("name"), tuple) and value != cls.model_fields[key].default:
            keys = f"{{name: tiny:image, {key}: ...}}"
            refuse([((), f"is of one backbone. Write it into the list of names: {keys}.")])
        return value
