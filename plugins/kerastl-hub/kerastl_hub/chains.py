"""The encoders of KerasHub as chains of their blocks.

Convention: a chain calls the layers of an encoder one after the other on scaled images, so that
each block is a layer of the model that results. `raw` is the input that was scaled.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np


class Encoded(NamedTuple):
    """The output of an encoder."""

    patches: Any  # (batch, patches, dim) or (batch, height, width, dim)
    summary: Callable[[], Any]  # makes the vector (batch, dim) that stands for the whole image


def _vit(encoder: Any, images: Any, raw: Any) -> Encoded:
    inner = encoder.get_layer("vit_encoder")
    embedding = encoder.get_layer("vit_patching_and_embedding")
    values = inner.dropout(embedding(images))
    tokens = inner.layer_norm(_through(inner.encoder_layers, values))
    return _tokens(tokens, int(encoder.use_class_token))


def _deit(encoder: Any, images: Any, raw: Any) -> Encoded:
    inner = encoder.get_layer("deit_encoder")
    values = encoder.get_layer("deit_patching_and_embedding")(images)
    for block in inner.encoder_layers:
        values, _ = block(values, return_attention_scores=True)
    return _tokens(inner.layer_norm(values), 2)  # the second is the token of the distillation


def _dinov2(encoder: Any, images: Any, raw: Any) -> Encoded:
    embeddings = encoder.embeddings
    # KerasHub stores them at the size of the pretraining, which changes embeddings that were
    # trained at another one, and forgets them if the sum of the changes is negative.
    for name in ("save_own_variables", "load_own_variables"):
        setattr(embeddings, name, partial(getattr(keras.layers.Layer, name), embeddings))
    values = _through(encoder.encoder.layers, embeddings(images))
    return _tokens(encoder.layernorm(values), 1 + encoder.num_register_tokens)


def _dinov3(encoder: Any, images: Any, raw: Any) -> Encoded:
    num_before = 1 + encoder.num_register_tokens
    rotations = encoder.rope_embedding(np.zeros((1, *images.shape[1:]), "float32"))
    values = encoder.embeddings(images)
    for block in encoder.encoder.layers:
        values = block(values, position_embeddings=rotations, num_prefix_tokens=num_before)
    return _tokens(encoder.layernorm(values), num_before)


def _clip(encoder: Any, images: Any, raw: Any) -> Encoded:
    values = encoder.pre_layer_norm(encoder.embedding(images))
    return _tokens(encoder.layer_norm(_through(encoder.encoder_layers, values)), 1)


def _siglip(encoder: Any, images: Any, raw: Any) -> Encoded:
    values = _through(encoder.encoder_layers, encoder.embedding(images))
    tokens = encoder.post_layer_norm(values)
    return Encoded(tokens, lambda: encoder.head(tokens))


def _swin(encoder: Any, images: Any, raw: Any) -> Encoded:
    values = encoder.get_layer("pos_drop")(encoder.patch_embedding(images))
    for stage in encoder.stages:
        for block in stage.blocks:
            values = _renamed(block, f"{stage.name}_{block.name}")(values)
        if stage.downsample is not None:
            height, width = stage.input_resolution
            layer = _renamed(stage.downsample, f"{stage.name}_downsample")
            values = layer(values, H=height, W=width)
    return _patches(encoder.norm(values))


def _hgnetv2(encoder: Any, images: Any, raw: Any) -> Encoded:
    values = encoder.embedder_layer(images)
    return _patches(_through(encoder.encoder_layer.stages_list, values))


def _flat(encoder: Any, images: Any, raw: Any) -> Encoded:
    """A functional encoder, whose layers are called as in its own graph."""

    def call(layer: Any, *arguments: Any, **named: Any) -> Any:
        return layer(*(images if item is raw else item for item in arguments), **named)

    copied = keras.models.clone_model(
        encoder, input_tensors=raw, clone_function=lambda layer: layer, call_function=call
    )
    return _patches(copied.output)


def _through(layers: Sequence[Any], values: Any) -> Any:
    for layer in layers:
        values = layer(values)
    return values


def _renamed(layer: Any, name: str) -> Any:
    layer.name = name
    return layer


def _tokens(tokens: Any, num_before: int) -> Encoded:
    return Encoded(tokens[:, num_before:], lambda: tokens[:, 0])


def _patches(values: Any) -> Encoded:
    return Encoded(values, lambda: None)


CHAINS: Mapping[str, Callable[[Any, Any, Any], Encoded]] = {
    "clip": _clip,
    "deit": _deit,
    "dinov2": _dinov2,
    "dinov3": _dinov3,
    "hgnetv2": _hgnetv2,
    "metaclip_2": _clip,
    "siglip": _siglip,
    "swin": _swin,
    "vit": _vit,
    **dict.fromkeys(
        (
            "cspnet",
            "densenet",
            "efficientnet",
            "mit",
            "mobilenet",
            "mobilenetv5",
            "resnet",
            "vgg",
            "xception",
        ),
        _flat,
    ),
}
"""Architecture to chain."""
