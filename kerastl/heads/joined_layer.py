"""The layer of several backbones: each passes the same raw input, resized to what it takes."""

import math
from collections.abc import Sequence

import keras

from kerastl.backbones import Backbone, BackboneSpec
from kerastl.backbones.joined import other_inputs
from kerastl.backbones.views import Views
from kerastl.media.media_types import media_type_of

_ONE_VECTOR = Views(stages=("top",), transform="none")


def build_joined(
    spec: BackboneSpec, layers: Sequence[Backbone]
) -> tuple[Backbone, keras.KerasTensor]:
    """Builds the layer named `backbone` from those of several, and its symbolic raw input.

    The raw input has the size of the largest of theirs.

    Raises:
        BackboneError: Their inputs cannot be made of one.
    """
    shapes = [tuple(layer.model.input_shape[1:]) for layer in layers]
    largest = max(shapes, key=math.prod)
    if any(shape != largest and (len(shape), len(largest)) != (3, 3) for shape in shapes):
        names = [member.spec.id for member in spec.members]
        raise other_inputs([f"{name}: {shape}" for name, shape in zip(names, shapes, strict=True)])
    raw = keras.Input(largest, name=media_type_of(spec.input, largest).name)
    vectors = [_member(layer, number, largest)(raw) for number, layer in enumerate(layers, start=1)]
    network = keras.Model(raw, keras.layers.Concatenate(name="features")(vectors))
    return Backbone(network, name="backbone"), raw


def _member(layer: Backbone, number: int, shape: tuple[int, ...]) -> Backbone:
    """Returns a layer as one of several, for raw inputs of a shape."""
    resizes = tuple(layer.model.input_shape[1:]) != shape
    return Backbone(
        layer.model,
        stages=layer.stages,
        learns=False,
        views=layer.views or (_ONE_VECTOR if resizes else None),
        raw_size=shape[:2] if resizes else None,
        name=f"backbone_{number}",
    )
