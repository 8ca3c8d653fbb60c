"""Builds the network of a preset, with its weights and for the requested size of images."""

import itertools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import keras_hub

from kerastl.backbones import (
    BackboneError,
    Input,
    Stage,
    WeightsError,
    load_weights_file,
    stages_by_resolution,
)
from kerastl_hub.architectures import ARCHITECTURES
from kerastl_hub.audio import HubAudioNetwork, make_audio_network
from kerastl_hub.catalogue import presets
from kerastl_hub.folders import Contents, read_folder, scaling_of
from kerastl_hub.handles import resolve
from kerastl_hub.layers import HubNetwork, build_encoder, config_of, encoder_of

PUBLISHED = "preset"
DEFAULT_SIZE = 224  # of a preset that names none
_BLOCK = re.compile(
    r"(transformer_block|transformer_encoder_layer|layers|(.+_)?encoder_block|stage_\d+_blocks|hierarchical_encoder_\d+"
    r"|encoder_stage)_\d+"
)


def build_network(
    name: str,
    *,
    weights: str | None,
    input: Input | None,
    pooling: str | None = None,
    mean: Any = None,
    std: Any = None,
) -> HubNetwork | HubAudioNetwork:
    """Returns the network from raw images or audio to features.

    Args:
        name: A preset, a handle or a folder.
        weights: `"preset"`, a file saved from a network that this function built, or None for
            random weights.
        input: The requested size; None takes that of the preset.
        pooling: `"cls"`, `"mean"` or `"both"`; None is the first of them that the network has.
        mean: Mean of the images in [0, 1] that the weights were trained on; None takes the
            preset's own.
        std: Their standard deviation.

    Raises:
        BackboneError: The preset cannot be read, or the network can't take this size.
        WeightsError: The weights cannot be downloaded or do not fit.
    """
    identifier = f"keras_hub:{name}"
    preset = presets().get(name)
    if preset is not None and preset.config is not None and weights != PUBLISHED:
        loaded, config, contents = None, dict(preset.config), preset.contents
    else:
        folder = resolve(name)
        contents = read_folder(folder)
        loaded = _load(folder, contents.architecture, with_weights=weights == PUBLISHED)
        config = {}
    pooling = _checked_pooling(identifier, contents.architecture, pooling)
    taken = input or contents.input
    network: HubNetwork | HubAudioNetwork
    if ARCHITECTURES[contents.architecture].audio is not None:
        _refuse_moments(identifier, mean, std)
        network = make_audio_network(identifier, contents, config, loaded, taken)
    else:
        scaling = contents.scaling
        if mean is not None or std is not None:
            scaling = _given_scaling(identifier, mean, std)
        if scaling is None:
            raise _unknown_scaling(identifier)
        network = _image_network(identifier, contents, config, loaded, taken, scaling, pooling)
    if weights not in (None, PUBLISHED):
        _load_file(network, str(weights), identifier)
    return network


def _image_network(
    identifier: str,
    contents: Contents,
    config: Mapping[str, Any],
    loaded: keras.Model | None,
    taken: Any,
    scaling: tuple[Sequence[float], Sequence[float]],
    pooling: str,
) -> HubNetwork:
    architecture = contents.architecture
    config = config if loaded is None else config_of(loaded)
    shape = list(taken.shape) if taken else [DEFAULT_SIZE, DEFAULT_SIZE, 3]
    if taken != contents.input:
        _check_size(identifier, architecture, config, shape[:2])
    encoder = _sized(identifier, architecture, {**config, "image_shape": shape}, loaded)
    return HubNetwork(
        architecture=architecture,
        config=config_of(encoder),
        scale=scaling[0],
        offset=scaling[1],
        pooling=pooling,
        encoder=encoder,
        name="keras_hub",
    )


def stages_of(network: keras.Model) -> Sequence[Stage]:
    """Returns one stage for each block of a transformer; a CNN has them by resolution.

    What is before a block belongs to its stage, and what is after the last block to the last one.
    """
    names = [operation.name for operation in network.operations]
    ends = [place for place, name in enumerate(names, start=1) if _BLOCK.fullmatch(name)]
    if not ends:
        return stages_by_resolution(network)
    bounds = [0, *ends[:-1], len(names)]
    return [
        Stage(name=f"block_{number}", layers=tuple(names[begin:end]))
        for number, (begin, end) in enumerate(itertools.pairwise(bounds), start=1)
    ]


def _load(folder: Path, architecture: str, *, with_weights: bool) -> keras.Model:
    """Returns the encoder in a folder, for images of the preset's size."""
    loader = getattr(keras_hub.models, ARCHITECTURES[architecture].backbone)
    try:
        backbone = loader.from_preset(str(folder), load_weights=with_weights)
    except Exception as error:  # readers of HDF5 and safetensors raise nearly anything
        raise WeightsError(
            "The preset cannot be loaded.",
            where=str(folder),
            expected="a complete folder, as `save_to_preset` or `save_pretrained` writes it",
            received=_first_line(error),
        ) from error
    return encoder_of(backbone, architecture)


def _sized(
    identifier: str, architecture: str, config: Mapping[str, Any], loaded: keras.Model | None
) -> keras.Model:
    """Returns the encoder for images of another size, with the weights of the loaded one."""
    if loaded is not None and config_of(loaded) == config:
        return loaded
    try:
        encoder = build_encoder(architecture, config)
    except (ValueError, TypeError) as error:
        raise _wrong_size(identifier, config["image_shape"], received=_first_line(error)) from error
    if loaded is not None:
        originals = {variable.path: variable for variable in loaded.variables}
        for source, target in zip(loaded.variables, encoder.variables, strict=True):
            # DINOv2 has those of the pretraining too.
            path = source.path.replace("interpolated_position_embeddings", "position_embeddings")
            target.assign(_fitted(originals[path], target, config, architecture))
    return encoder


def _fitted(source: Any, target: Any, config: Mapping[str, Any], architecture: str) -> Any:
    """Returns a weight, with its position embeddings interpolated if the shape differs."""
    if tuple(source.shape) == tuple(target.shape):
        return source
    if "int" in source.dtype:  # numbers of positions
        return target
    before = ARCHITECTURES[architecture].num_positions_before
    values = keras.ops.reshape(source, (-1, source.shape[-1]))
    side = round((values.shape[0] - before) ** 0.5)
    patch = _patch_size(config)
    resized = keras.ops.image.resize(
        keras.ops.reshape(values[before:], (1, side, side, -1)),
        [edge // patch for edge in config["image_shape"][:2]],
        interpolation="bicubic",
        antialias=bool(config.get("antialias_in_interpolation", False)),
        data_format="channels_last",
    )
    flat = keras.ops.reshape(resized, (-1, source.shape[-1]))
    return keras.ops.reshape(keras.ops.concatenate([values[:before], flat]), target.shape)


def _check_size(
    identifier: str, architecture: str, config: Mapping[str, Any], size: Sequence[int]
) -> None:
    multiple = max(_patch_size(config), ARCHITECTURES[architecture].multiple)
    if architecture in ("mit", "swin") or "patch_size" in config:
        wrong = [side for side in size if side % multiple]
        if wrong:
            nearest = [max(round(side / multiple), 1) * multiple for side in size]
            raise _wrong_size(identifier, size, expected=f"multiples of {multiple}", near=nearest)


def _patch_size(config: Mapping[str, Any]) -> int:
    patch = config.get("patch_size", 1)
    return int(patch[0] if isinstance(patch, list | tuple) else patch)


def _wrong_size(
    identifier: str,
    size: Sequence[int],
    *,
    expected: str | None = None,
    received: str | None = None,
    near: Sequence[int] | None = None,
) -> BackboneError:
    return BackboneError(
        f"The backbone '{identifier}' cannot take images of {size[0]} x {size[1]} pixels.",
        where="backbone.input_size",
        expected=expected,
        received=received,
        fix=f"Set backbone.input_size to {near[0] if near[0] == near[1] else list(near)}."
        if near
        else "Choose another backbone.input_size, such as a square.",
    )


def _refuse_moments(identifier: str, mean: Any, std: Any) -> None:
    if mean is not None or std is not None:
        raise BackboneError(
            f"The backbone '{identifier}' takes audio, so it has no options 'mean' and 'std'.",
            where="backbone.options",
            received=f"mean: {mean}, std: {std}",
            fix="Remove them; the preset's own audio converter is inside the network.",
        )


def _given_scaling(identifier: str, mean: Any, std: Any) -> tuple[list[float], list[float]]:
    try:
        return scaling_of(mean, std)
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise BackboneError(
            f"The options 'mean' and 'std' of '{identifier}' are not valid.",
            where="backbone.options",
            expected="both: one number or three, of images in [0, 1]",
            received=f"mean: {mean}, std: {std}",
        ) from error


def _unknown_scaling(identifier: str) -> BackboneError:
    return BackboneError(
        f"No file says how '{identifier}' scales its images.",
        expected="image_converter.json, preprocessor_config.json or pretrained_cfg in the folder",
        fix="Set mean and std in backbone.options to those of the pretraining, in [0, 1].",
    )


def _checked_pooling(identifier: str, architecture: str, pooling: str | None) -> str:
    poolings = ARCHITECTURES[architecture].poolings
    if pooling is None:
        return poolings[0]
    if pooling not in poolings:
        raise BackboneError(
            f"The backbone '{identifier}' has no pooling {pooling!r}.",
            where="backbone.options.pooling",
            expected=f"one of {', '.join(poolings)}"
            if len(poolings) > 1
            else "mean, because the network has no class token",
        )
    return pooling


def _load_file(network: keras.Model, weights: str, identifier: str) -> None:
    try:
        load_weights_file(network, weights)
    except (ValueError, OSError, LookupError) as error:
        raise WeightsError(
            f"The weights cannot be loaded into the backbone '{identifier}'.",
            where=weights,
            expected=f"'{PUBLISHED}', a .weights.h5 or .keras file of the same network, or null",
            received=_first_line(error),
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
