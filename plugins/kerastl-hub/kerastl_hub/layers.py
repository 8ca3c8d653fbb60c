"""The network of a backbone of KerasHub, from raw images to features.

Convention: the blocks of the network are layers of one flat model, so that each can be trained or
frozen on its own. The model is saved as the config of its encoder and built anew when it is
loaded, because KerasHub's inner layers do not restore themselves.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import keras_hub

from kerastl_hub.architectures import ARCHITECTURES
from kerastl_hub.chains import CHAINS, Encoded


@keras.saving.register_keras_serializable(package="kerastl_hub")
class HubNetwork(keras.Model):
    """A functional model from RGB in [0, 255] to a feature vector `(batch, feature_dim)`.

    Args:
        architecture: Key of `ARCHITECTURES`.
        config: Arguments of the encoder's class, with `image_shape`.
        scale: Factors of red, green and blue.
        offset: What is added to the scaled red, green and blue.
        pooling: `"cls"`, `"mean"` (of the patches) or `"both"`, one after the other.
        encoder: An encoder that was built from `config`; None builds one with random weights.
    """

    def __init__(
        self,
        *,
        architecture: str,
        config: Mapping[str, Any],
        scale: Sequence[float],
        offset: Sequence[float],
        pooling: str,
        encoder: keras.Model | None = None,
        **kwargs: Any,
    ):
        if encoder is None:
            encoder = build_encoder(architecture, config)
        raw = keras.Input(tuple(config["image_shape"]), name="image")
        images = keras.layers.Rescaling(list(scale), offset=list(offset), name="preprocessing")(raw)
        encoded = CHAINS[architecture](encoder, images, raw)
        features = _pooled(encoded, pooling)
        if keras.backend.standardize_dtype(features.dtype) != "float32":
            features = keras.ops.cast(features, "float32")
        super().__init__(raw, features, **kwargs)
        name_layers(self, encoder.name)
        self.arguments: dict[str, Any] = {
            "architecture": architecture,
            "config": dict(config),
            "scale": list(scale),
            "offset": list(offset),
            "pooling": pooling,
        }

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, **dict(self.arguments)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "HubNetwork":
        if config.get("architecture") not in ARCHITECTURES:
            raise ValueError(f"There is no architecture {config.get('architecture')!r}.")
        return cls(**config)


def build_encoder(architecture: str, config: Mapping[str, Any]) -> keras.Model:
    """Returns an encoder of KerasHub with random weights."""
    facts = ARCHITECTURES[architecture]
    encoder = getattr(keras_hub.models, facts.tower or facts.backbone)(**config)
    if architecture == "metaclip_2":
        norm = keras.layers.LayerNormalization(epsilon=1e-5, name="vision_post_layer_norm")
        norm.build(encoder.output.shape)
        encoder.layer_norm = norm
    return encoder


def encoder_of(backbone: keras.Model, architecture: str) -> keras.Model:
    """Returns the encoder of images in a backbone of KerasHub."""
    if not ARCHITECTURES[architecture].tower:
        return backbone
    encoder = backbone.vision_encoder
    if architecture == "metaclip_2":  # its last layer is not part of KerasHub's encoder
        encoder.layer_norm = backbone.vision_post_layer_norm
    return encoder


def config_of(encoder: keras.Model) -> dict[str, Any]:
    """Returns the arguments of the encoder's class, as JSON can write them."""
    config = encoder.get_config()
    for key in ("name", "trainable", "dtype", "data_format"):
        config.pop(key, None)
    # Some classes forget these.
    config["image_shape"] = encoder.inputs[0].shape[1:]
    if isinstance(encoder, keras_hub.models.EfficientNetBackbone):
        config["num_features"] = encoder.get_layer("top_conv").filters
    return {key: _plain(value) for key, value in config.items()}


def name_layers(network: keras.Model, encoder_name: str) -> None:
    """Gives layers names that are the same in each process; a saved model refers to them.

    KerasHub begins names with that of an encoder that was loaded; Keras counts unnamed layers.
    """
    for position, operation in enumerate(network.operations):
        name = operation.name.removeprefix(f"{encoder_name}_")
        kind = re.sub(r"_\d+$", "", name)
        if kind.replace("_", "") == type(operation).__name__.lower():
            name = f"{kind}_{position}"
        if not isinstance(operation, keras.layers.InputLayer):
            operation.name = name


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _pooled(encoded: Encoded, pooling: str) -> Any:
    axes = tuple(range(1, len(encoded.patches.shape) - 1))
    blocks = [] if pooling == "mean" else [encoded.summary()]
    if pooling != "cls":
        blocks.append(keras.ops.mean(encoded.patches, axis=axes))
    return blocks[0] if len(blocks) == 1 else keras.ops.concatenate(blocks, axis=-1)
