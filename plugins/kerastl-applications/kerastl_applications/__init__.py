"""The family `applications`: every image model of keras.applications as a kerastl backbone.

Convention: this module and `facts` import no framework; `networks` and `weights` do, when a
backbone is built.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from kerastl.backbones import (
    BackboneError,
    BackboneSpec,
    ImageInput,
    check_options,
    unknown_backbone,
)
from kerastl_applications.facts import ARCHITECTURES, NETWORKS, Network

if TYPE_CHECKING:
    import keras

__all__ = ["Applications", "family"]

FAMILY = "applications"


class Applications:
    """The image models of keras.applications."""

    def names(self) -> Sequence[str]:
        return tuple(NETWORKS)

    def spec(self, name: str, *, options: Mapping[str, Any] = {}) -> BackboneSpec:
        if name not in NETWORKS:
            raise unknown_backbone(FAMILY, name, self.names())
        network = NETWORKS[name]
        architecture = ARCHITECTURES[network.architecture]
        chosen = check_options(f"{FAMILY}:{name}", options, defaults=architecture.options)
        size = network.size(chosen)
        return BackboneSpec(
            id=f"{FAMILY}:{name}",
            input=ImageInput(
                height=network.default_size,
                width=network.default_size,
                min_size=architecture.min_size,
            ),
            feature_dim=size.feature_dim if size else None,
            num_params=size.num_params if size else None,
            weights=("imagenet",) if size else (),
            license=architecture.license,
            reference=architecture.paper,
            build=partial(_build, network, chosen),
            options=chosen,
            is_determined=True,
            description=f"{network.constructor} of keras.applications, without its last layer.",
            facts={
                "constructor": f"keras.applications.{network.constructor}",
                "preprocessing": architecture.preprocessing,
            },
            reference_features=partial(_reference_features, network, chosen),
        )


def _build(
    network: Network,
    defaults: Mapping[str, Any],
    *,
    weights: str | None = None,
    input: ImageInput | None = None,
    **options: Any,
) -> "keras.Model":
    from kerastl_applications.networks import build_network
    from kerastl_applications.weights import load_weights

    identifier = f"{FAMILY}:{network.name}"
    image = input or ImageInput(height=network.default_size, width=network.default_size)
    _check_size(identifier, image, ARCHITECTURES[network.architecture].min_size)
    chosen = check_options(identifier, options, defaults=defaults)
    model = build_network(network, image=image, options=chosen)
    load_weights(model, network, weights=weights, image=image, options=chosen)
    return model


def _reference_features(
    network: Network, options: Mapping[str, Any], model: "keras.Model"
) -> Callable[[Any], Any]:
    from kerastl_applications.reference import keras_features

    return keras_features(network, options, model)


def _check_size(identifier: str, image: ImageInput, min_size: int) -> None:
    if min(image.height, image.width) < min_size:
        raise BackboneError(
            f"The images are too small for the backbone '{identifier}'.",
            expected=f"height and width of at least {min_size} pixels",
            received=f"{image.height} x {image.width}",
            fix=f"Set backbone.input_size to {min_size} or more.",
        )


family = Applications()
