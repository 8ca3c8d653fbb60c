"""Keras's own features: its `preprocess_input` and its network.

Convention: used only as a reference; nothing here builds a backbone.
"""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from kerastl_applications.facts import ARCHITECTURES, Network
from kerastl_applications.networks import IMAGENET_DEVIATION, construct
from kerastl_applications.weights import take_weights


def keras_features(
    network: Network, options: Mapping[str, Any], model: keras.Model
) -> Callable[[np.ndarray], np.ndarray]:
    """Returns the function from raw images to the features that Keras computes.

    Args:
        network: Facts of the network.
        options: Options that `model` was built with.
        model: The backbone, whose weights are used.
    """
    own = construct(network, options, input_shape=model.input_shape[1:], weights=None)
    weights = model.get_weights()
    if ARCHITECTURES[network.architecture].preprocessing == "inside, twice scaled":
        weights = _with_second_rescaling(own, weights)
    take_weights(own, weights)
    preprocess = _preprocess_input(network)
    return lambda raw: keras.ops.convert_to_numpy(own(preprocess(np.array(raw)), training=False))


def _preprocess_input(network: Network) -> Callable[[np.ndarray], np.ndarray]:
    module = {"vgg": "vgg16"}.get(network.architecture, network.architecture)
    return getattr(keras.applications, module).preprocess_input


def _with_second_rescaling(own: keras.Model, weights: list[np.ndarray]) -> list[np.ndarray]:
    """Folds the division by the root of ImageNet's deviation into the variance divided by."""
    place = next(
        index for index, weight in enumerate(own.weights) if weight.path.endswith("/variance")
    )
    folded = weights[place] * np.asarray(IMAGENET_DEVIATION, "float32")
    return [*weights[:place], folded, *weights[place + 1 :]]
