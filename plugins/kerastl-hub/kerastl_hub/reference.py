"""KerasHub's own features: its image converter and its encoder, called as a whole.

Convention: used only as a reference; nothing here builds a backbone.
"""

from collections.abc import Callable
from typing import Any

import keras
import keras_hub
import numpy as np

from kerastl_hub.architectures import ARCHITECTURES
from kerastl_hub.layers import HubNetwork, build_encoder


def keras_hub_features(network: HubNetwork) -> Callable[[np.ndarray], np.ndarray]:
    """Returns the function from raw images to the features that KerasHub computes.

    Args:
        network: The backbone, whose weights are used.
    """
    arguments = network.arguments
    architecture, pooling = arguments["architecture"], arguments["pooling"]
    encoder = build_encoder(architecture, arguments["config"])
    # The chain takes the layers of an encoder as they are, so both have the same weights.
    twin = HubNetwork(**{**arguments, "encoder": encoder})
    twin.set_weights(network.get_weights())
    converter = keras_hub.layers.ImageConverter(
        scale=arguments["scale"], offset=arguments["offset"]
    )

    def features(raw: np.ndarray) -> np.ndarray:
        images = converter(np.asarray(raw))
        names = list(encoder.input) if isinstance(encoder.input, dict) else None
        output = encoder(images if names is None else {names[0]: images}, training=False)
        if isinstance(output, dict):
            output = list(output.values())[-1]
        return _pooled(
            np.asarray(keras.ops.convert_to_numpy(output)), architecture, pooling, encoder
        )

    return features


def _pooled(output: np.ndarray, architecture: str, pooling: str, encoder: Any) -> np.ndarray:
    if ARCHITECTURES[architecture].summary is None:
        return output.mean(axis=tuple(range(1, output.ndim - 1)))
    if architecture == "siglip":  # the encoder returns its attention pooling, not the patches
        assert pooling == "cls", "KerasHub returns no patches"
        return output
    before = {"deit": 2, "clip": 1}.get(architecture) or 1 + getattr(
        encoder, "num_register_tokens", 0
    )
    blocks = {"cls": output[:, 0], "mean": output[:, before:].mean(axis=1)}
    chosen = ("cls", "mean") if pooling == "both" else (pooling,)
    return np.concatenate([blocks[name] for name in chosen], axis=1)
