"""The one table of media types."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from kerastl.errors import ConfigError, suggestion
from kerastl.media.audio.kind import AUDIO
from kerastl.media.backbone_input import BackboneInput
from kerastl.media.base import InputContract, MediaType
from kerastl.media.image.kind import IMAGE
from kerastl.settings import Section, refuse
from kerastl.settings.explain import explain, received

MEDIA_TYPES: dict[str, MediaType] = {IMAGE.name: IMAGE, AUDIO.name: AUDIO}


def register(media_type: MediaType) -> None:
    """Adds a media type; `kerastl.config` reads the table when it is imported."""
    if media_type.name in MEDIA_TYPES:
        raise ValueError(f"there already is a media type {media_type.name!r}")
    MEDIA_TYPES[media_type.name] = media_type


def media_type(name: str) -> MediaType:
    """Returns the media type with a name, or raises a `ConfigError`."""
    if name not in MEDIA_TYPES:
        raise ConfigError(
            f"There is no media type '{name}'.",
            expected=f"one of {', '.join(MEDIA_TYPES)}",
            fix=suggestion(name, MEDIA_TYPES),
        )
    return MEDIA_TYPES[name]


def media_type_of(taken: BackboneInput | None, shape: Sequence[int | None]) -> MediaType:
    """Returns the media type that a plugin states, or else that of the shape of the raw input."""
    if taken is not None:
        return media_type(taken.modality)
    for media in MEDIA_TYPES.values():
        if media.accepts_shape(shape):
            return media
    raise ConfigError(
        "The network takes inputs of no known media type.",
        expected="inputs of rank 3 (height, width, 3) or rank 1 (samples)",
        received=f"inputs of shape {tuple(shape)}",
    )


def assumed_input(size: int | tuple[int, int]) -> BackboneInput:
    """Returns the input of a network whose media type only loading can tell: the table's first."""
    first = next(iter(MEDIA_TYPES.values()))
    return first.default_input(size, first.data_settings())


def read_contract(values: Any) -> Any:
    """Returns the input contract for the mapping that a bundle contains, a contract as it is."""
    if isinstance(values, InputContract):
        return values
    name = values.get("modality") if isinstance(values, Mapping) else None
    if not isinstance(name, str) or name not in MEDIA_TYPES:
        known = ", ".join(MEDIA_TYPES)
        refuse([(("modality",), f"expected one of {known}, received {received(name)}")])
    contract = MEDIA_TYPES[str(name)].contract_class
    try:
        return contract.model_validate(values)
    except ValidationError as error:
        found = explain(error, values, contract)
        return refuse([(problem.path, problem.text) for problem in found])


def merged_fields(sections: Iterable[type[Section]]) -> dict[str, Any]:
    """Returns the fields of several sections, which must not define a key differently."""
    merged: dict[str, Any] = {}
    for section in sections:
        for key, info in section.model_fields.items():
            if key in merged and repr(merged[key][1]) != repr(info):
                raise ValueError(f"{section.__name__} defines {key!r} unlike another media type")
            merged.setdefault(key, (info.annotation, info))
    return merged
