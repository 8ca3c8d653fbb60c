"""The input size and the views that a config asks of a backbone."""

import math
from collections.abc import Sequence

from kerastl.backbones import BackboneError, BackboneSpec, Extractor, Input, find_backbone
from kerastl.backbones.joined import joined_spec, other_inputs
from kerastl.backbones.joined_extractor import converted_extractor, joined_extractor
from kerastl.backbones.spec import Member
from kerastl.backbones.views import Views
from kerastl.config import BackboneConfig
from kerastl.config.features_section import FeaturesConfig
from kerastl.media.base import MAX_VALUES
from kerastl.media.media_types import MEDIA_TYPES, assumed_input, media_type_of


def spec_of(settings: BackboneConfig) -> BackboneSpec:
    """Returns the facts of the backbone of a config, or of several as one.

    Raises:
        UnknownBackboneError: No installed plugin provides it.
        BackboneError: The backbones cannot be combined.
    """
    if isinstance(settings.name, str):
        return find_backbone(settings.name, options=settings.options)
    specs = [(one, find_backbone(one.name, options=one.options)) for one in settings.name]
    return joined_spec(
        [
            Member(
                spec=spec,
                weights=spec.chosen_weights(one.weights),
                input_size=one.input_size,
                options=one.options,
            )
            for one, spec in specs
        ]
    )


def sized_input(
    spec: BackboneSpec, size: int | tuple[int, int] | None, features: FeaturesConfig | None
) -> Input | None:
    """Returns the input of the largest of the views, or of a size; None if loading decides.

    Raises:
        BackboneError: The backbone cannot take this size, or it is too large.
    """
    size = _largest_size(features) or size
    if size is None:
        return spec.input
    if spec.input is None:
        taken = assumed_input(size)
    else:
        taken = spec.input.resized(size, backbone=spec.id)
    if math.prod(taken.shape) > MAX_VALUES:
        raise BackboneError(
            "The input is too large.",
            where="backbone.input_size",
            expected=f"at most {MAX_VALUES:,} values",
            received=f"{taken.summary}: {math.prod(taken.shape):,}",
        )
    return taken


def chosen_views(
    spec: BackboneSpec, shape: tuple[int, ...], features: FeaturesConfig | None
) -> Views | None:
    """Returns the views of inputs of a shape; None is one feature vector."""
    if features is None:
        return None
    return Views(
        views=media_type_of(spec.input, shape).views(features, shape),
        stages=features.stages,
        pooling=features.pooling,
        transform=features.transform,
    )


def chosen_extractor(
    spec: BackboneSpec, settings: BackboneConfig, features: FeaturesConfig | None
) -> tuple[Extractor, Views | None]:
    """Returns the network of a backbone that is no Keras model, and its views."""
    if spec.members:
        extractor = _joined_extractor(spec.members)
    else:
        alone = Member(
            spec=spec,
            weights=spec.chosen_weights(settings.weights),
            input_size=settings.input_size,
            options=settings.options,
        )
        extractor = _extractor(alone, features)
    return extractor, chosen_views(spec, extractor.input_shape, features)


def _joined_extractor(members: Sequence[Member]) -> Extractor:
    extractors = [_extractor(member, None) for member in members]
    if len({one.input_shape for one in extractors}) > 1:
        pairs = zip(members, extractors, strict=True)
        raise other_inputs(
            [f"{member.spec.id}: {one.input_shape}" for member, one in pairs],
            expected="inputs of one shape, because one of the backbones is an ONNX file",
        )
    return joined_extractor(extractors)


def _extractor(member: Member, features: FeaturesConfig | None) -> Extractor:
    """Returns a backbone as an extractor; a Keras model is converted."""
    from kerastl.backbones.building import build_extractor, build_network

    spec, options = member.spec, member.options
    taken = sized_input(spec, member.input_size, features)
    if spec.is_extractor:
        return build_extractor(spec, weights=member.weights, input=taken, options=options)
    return converted_extractor(
        build_network(spec, weights=member.weights, input=taken, options=options)
    )


def _largest_size(features: FeaturesConfig | None) -> int | tuple[int, int] | None:
    """Returns the input size that the views of a media type ask for, or None."""
    if features is None:
        return None
    asked = [media.largest_size(features) for media in MEDIA_TYPES.values()]
    return next((size for size in asked if size is not None), None)
