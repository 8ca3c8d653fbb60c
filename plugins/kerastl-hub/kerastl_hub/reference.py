"""KerasHub's own features: its converter and its encoder, called as a whole.

Convention: used only as a reference; nothing here builds a backbone.
"""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import keras_hub
import numpy as np

from kerastl_hub.architectures import ARCHITECTURES
from kerastl_hub.audio import HubAudioNetwork
from kerastl_hub.layers import HubNetwork, build_encoder

_DECODERS: Mapping[str, Mapping[str, int]] = {
    "whisper": {"max_decoder_sequence_length": 1},
    "moonshine": {"decoder_num_layers": 1, "decoder_num_heads": 1},
}


def keras_hub_features(
    network: HubNetwork | HubAudioNetwork,
) -> Callable[[np.ndarray], np.ndarray]:
    """Returns the function from raw images or audio to the features that KerasHub computes.

    Args:
        network: The backbone, whose weights are used.
    """
    if isinstance(network, HubAudioNetwork):
        return _audio_features(network)
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
        if architecture == "metaclip_2":
            output = encoder.layer_norm(output)
        return _pooled(
            np.asarray(keras.ops.convert_to_numpy(output)), architecture, pooling, encoder
        )

    return features


def _audio_features(network: HubAudioNetwork) -> Callable[[np.ndarray], np.ndarray]:
    arguments = network.arguments
    architecture, num_samples = arguments["architecture"], arguments["num_samples"]
    small = {"vocabulary_size": 1, **_DECODERS[architecture]}
    kind = ARCHITECTURES[architecture].backbone
    backbone = getattr(keras_hub.models, kind)(**{**arguments["config"], **small})
    # The chain takes the layers of the backbone, so both have the same weights.
    twin = HubAudioNetwork(**{**arguments, "encoder": backbone})
    twin.set_weights(network.get_weights())
    if architecture == "whisper":
        (table,) = backbone.encoder_position_embedding.weights
        rows = twin.get_layer("positions").positions
        table.assign(keras.ops.concatenate([rows, table[rows.shape[0] :]]))
    prefix = kind.removesuffix("Backbone")
    converter = getattr(keras_hub.layers, f"{prefix}AudioConverter")(**arguments["converter"])
    converter.num_samples = num_samples  # Whisper's takes whole seconds only

    def features(raw: np.ndarray) -> np.ndarray:
        count, values = len(raw), np.asarray(converter(np.asarray(raw)))
        tokens = np.zeros((count, 1), "int32")
        given = {"decoder_token_ids": tokens, "decoder_padding_mask": np.ones_like(tokens)}
        if architecture == "whisper":
            given["encoder_features"] = values
        else:
            given |= {
                "encoder_input_values": values,
                "encoder_padding_mask": np.ones((count, num_samples), bool),
            }
        frames = backbone(given, training=False)["encoder_sequence_output"]
        return np.asarray(keras.ops.convert_to_numpy(frames)).mean(axis=1)

    return features


def _pooled(output: np.ndarray, architecture: str, pooling: str, encoder: Any) -> np.ndarray:
    if ARCHITECTURES[architecture].summary is None:
        return output.mean(axis=tuple(range(1, output.ndim - 1)))
    if architecture == "siglip":  # the encoder returns its attention pooling, not the patches
        assert pooling == "cls", "KerasHub returns no patches"
        return output
    before = {"deit": 2, "clip": 1, "metaclip_2": 1}.get(architecture) or 1 + getattr(
        encoder, "num_register_tokens", 0
    )
    blocks = {"cls": output[:, 0], "mean": output[:, before:].mean(axis=1)}
    chosen = ("cls", "mean") if pooling == "both" else (pooling,)
    return np.concatenate([blocks[name] for name in chosen], axis=1)
