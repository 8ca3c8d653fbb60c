"""Networks of keras.applications from raw images to features, as one flat functional model."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import keras

from kerastl.backbones import ImageInput
from kerastl_applications.facts import ARCHITECTURES, Network

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Mean of red, green and blue over ImageNet, of images in [0, 1]."""

IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
"""Standard deviation of red, green and blue over ImageNet, of images in [0, 1]."""

CAFFE_MEAN = (103.939, 116.779, 123.68)
"""Mean of blue, green and red over ImageNet, of images in [0, 255]."""


def build_network(
    network: Network, *, image: ImageInput, options: Mapping[str, Any]
) -> keras.Model:
    """Returns `network` with random weights, from RGB in [0, 255] to features.

    Args:
        network: Its facts.
        image: Size of the images.
        options: Arguments of the constructor, such as `alpha`.
    """
    preprocessing = ARCHITECTURES[network.architecture].preprocessing
    raw = keras.Input(image.shape, name="image")
    built = construct(
        network, options, input_tensor=_PREPROCESSING[preprocessing](raw), weights=None
    )
    # Keras's own model wraps its input in a list and warns about every tensor.
    model = keras.Model(raw, built.output, name=network.name)
    return _rescale_twice(model) if preprocessing == "inside, twice scaled" else model


def construct(network: Network, options: Mapping[str, Any], **arguments: Any) -> keras.Model:
    """Returns Keras's own network, without its last layer and with average pooling."""
    constructor = getattr(keras.applications, network.constructor)
    return constructor(include_top=False, pooling="avg", **options, **arguments)


def _unchanged(raw: keras.KerasTensor) -> keras.KerasTensor:
    return raw


def _to_plus_minus_one(raw: keras.KerasTensor) -> keras.KerasTensor:
    return keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="preprocessing")(raw)


def _standardized(raw: keras.KerasTensor) -> keras.KerasTensor:
    moments = list(zip(IMAGENET_MEAN, IMAGENET_DEVIATION, strict=True))
    return keras.layers.Rescaling(
        [1 / (255 * deviation) for _, deviation in moments],
        offset=[-mean / deviation for mean, deviation in moments],
        name="preprocessing",
    )(raw)


def _bgr_without_mean(raw: keras.KerasTensor) -> keras.KerasTensor:
    bgr = keras.ops.flip(raw, axis=-1)
    offset = [-mean for mean in CAFFE_MEAN]
    return keras.layers.Rescaling(1.0, offset=offset, name="preprocessing")(bgr)


_PREPROCESSING: Mapping[str, Callable[[keras.KerasTensor], keras.KerasTensor]] = {
    "tf": _to_plus_minus_one,
    "torch": _standardized,
    "caffe": _bgr_without_mean,
    "inside": _unchanged,
    "inside, twice scaled": _unchanged,
}


def _rescale_twice(model: keras.Model) -> keras.Model:
    """Returns `model` with the rescaling that Keras adds for the published weights alone.

    Source:
        https://github.com/tensorflow/tensorflow/issues/49930
    """

    def call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        outputs = layer(*args, **kwargs)
        if not isinstance(layer, keras.layers.Normalization):
            return outputs
        scale = [1 / math.sqrt(deviation) for deviation in IMAGENET_DEVIATION]
        return keras.layers.Rescaling(scale, name="second_rescaling")(outputs)

    return keras.models.clone_model(model, call_function=call)
