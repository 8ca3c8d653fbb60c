"""Several backbones as one: frozen, with their features side by side."""

import math
from collections.abc import Sequence

from kerastl.backbones.spec import BackboneSpec, Input, Member
from kerastl.errors import BackboneError

_FROZEN = "several backbones at once can only be frozen"


def joined_spec(members: Sequence[Member]) -> BackboneSpec:
    """Returns the facts of several backbones as those of one.

    Raises:
        BackboneError: They cannot be combined.
    """
    specs = [member.spec for member in members]
    inputs = [_sized(member) for member in members]
    known = [taken for taken in inputs if taken is not None]
    kinds = {taken.modality if len(taken.shape) == 3 else taken.summary for taken in known}
    if len(kinds) > 1:
        pairs = zip(specs, inputs, strict=True)
        raise other_inputs([f"{spec.id}: {taken.summary}" for spec, taken in pairs if taken])
    dims = [spec.feature_dim for spec in specs]
    counts = [spec.num_params for spec in specs]
    random = [member.spec.id for member in members if member.weights is None]
    warnings = [*(spec.warning for spec in specs), *map(_random_text, random)]
    return BackboneSpec(
        id=" + ".join(spec.id for spec in specs),
        input=None if None in inputs else max(known, key=lambda taken: math.prod(taken.shape)),
        feature_dim=None if None in dims else sum(filter(None, dims)),
        num_params=None if None in counts else sum(filter(None, counts)),
        weights=(" + ".join(member.weights or "random" for member in members),),
        license=" AND ".join(dict.fromkeys(spec.license for spec in specs)),
        reference=", ".join(dict.fromkeys(spec.reference for spec in specs)),
        warning=" ".join(filter(None, warnings)) or None,
        frozen_reason=_FROZEN,
        members=tuple(members),
    )


def other_inputs(
    received: Sequence[str], *, expected: str = "images, or audio of one length and sample rate"
) -> BackboneError:
    """Returns the error for backbones whose inputs cannot be made of one input."""
    return BackboneError(
        "The backbones take different inputs.",
        where="backbone.name",
        expected=expected,
        received="; ".join(received),
        fix="Set input_size of one of them, or choose others.",
    )


def _sized(member: Member) -> Input | None:
    taken, size = member.spec.input, member.input_size
    return taken if taken is None or size is None else taken.resized(size, backbone=member.spec.id)


def _random_text(identifier: str) -> str:
    return f"The backbone '{identifier}' has random weights, so its features are random."
