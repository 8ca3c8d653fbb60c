"""The family `keras_hub`: presets by name, other ones by their handle or folder."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerastl.backbones import BackboneSpec, Input, Stage, check_options
from kerastl_hub.architectures import ARCHITECTURES, Architecture
from kerastl_hub.catalogue import Preset, presets
from kerastl_hub.folders import read_folder
from kerastl_hub.handles import check_name, is_path

if TYPE_CHECKING:
    import keras

FAMILY = "keras_hub"
OPTIONS: Mapping[str, Any] = {"pooling": None, "mean": None, "std": None}
_WEIGHTS = ("preset",)
_PIXELS = "the preset's own scale, mean and deviation, inside the network"
_SAMPLES = "the preset's own audio converter, inside the network"


class KerasHub:
    """The encoders of images and audio of KerasHub."""

    def names(self) -> Sequence[str]:
        """Returns the names of the published presets; handles and folders are accepted too."""
        return tuple(presets())

    def spec(self, name: str, *, options: Mapping[str, Any] = {}) -> BackboneSpec:
        """Returns the facts of one preset; those of a handle are unknown before it is loaded.

        Raises:
            UnknownBackboneError: It is not a preset, a handle or an existing folder.
            BackboneError: The folder contains no encoder, or there is no such option.
        """
        check_name(name)
        chosen = check_options(f"{FAMILY}:{name}", options, defaults=OPTIONS)
        if name in presets():
            return _known(presets()[name], chosen)
        return _other(name, chosen)


def _known(preset: Preset, options: Mapping[str, Any]) -> BackboneSpec:
    facts = preset.facts
    pooling = options["pooling"] or facts.poolings[0]
    failures = {
        "has_the_declared_size": "the number of position embeddings depends on the input size"
    }
    return BackboneSpec(
        id=f"{FAMILY}:{preset.name}",
        input=preset.input,
        feature_dim=preset.feature_dim and preset.feature_dim * (2 if pooling == "both" else 1),
        num_params=preset.num_params if pooling == facts.poolings[0] else None,
        weights=_WEIGHTS,
        license=preset.license or facts.license,
        reference=facts.paper,
        build=partial(_build, preset.name),
        stages=_stages,
        options=options,
        description=preset.description,
        is_determined=True,
        known_failures=failures if facts.has_position_weights and facts.audio is None else {},
        reference_features=_reference_features,
        needs_login=facts.needs_consent or preset.license is not None,
        facts={"handle": preset.handle, **_described(facts)},
    )


def _other(name: str, options: Mapping[str, Any]) -> BackboneSpec:
    contents = read_folder(Path(name).expanduser()) if is_path(name) else None
    facts = None if contents is None else ARCHITECTURES[contents.architecture]
    return BackboneSpec(
        id=f"{FAMILY}:{name}",
        input=contents.input if contents else None,
        feature_dim=None,
        num_params=None,
        weights=_WEIGHTS,
        license="the preset's own; see its source",
        reference=facts.paper if facts else name,
        build=partial(_build, name),
        stages=_stages,
        options=options,
        description="A preset in a folder." if contents else "A preset, read when it is built.",
        reference_features=_reference_features,
        facts={
            **({"format": contents.origin} if contents else {}),
            **(_described(facts) if facts else {}),
        },
    )


def _described(facts: Architecture) -> Mapping[str, str]:
    if facts.audio is not None:
        return {
            "preprocessing": _SAMPLES,
            "pooling": "mean, over time",
            "window": facts.audio.window,
        }
    return {
        "preprocessing": _PIXELS,
        "pooling": f"{', '.join(facts.poolings)}"
        + (f"; cls is {facts.summary}" if facts.summary else ""),
    }


def _build(
    name: str, *, weights: str | None = None, input: Input | None = None, **options: Any
) -> "keras.Model":
    from kerastl_hub.network import build_network

    chosen = check_options(f"{FAMILY}:{name}", options, defaults=OPTIONS)
    return build_network(name, weights=weights, input=input, **chosen)


def _stages(network: "keras.Model") -> Sequence[Stage]:
    from kerastl_hub.network import stages_of

    return stages_of(network)


def _reference_features(network: "keras.Model") -> Callable[[Any], Any]:
    from kerastl_hub.reference import keras_hub_features

    return keras_hub_features(network)
