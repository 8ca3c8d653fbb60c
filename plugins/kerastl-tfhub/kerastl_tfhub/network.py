"""A module as a backbone: a network from raw input to a feature vector."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from kerastl.backbones import (
    AudioInput,
    BackboneError,
    ImageInput,
    Input,
    WeightsError,
    load_weights_file,
)
from kerastl_tfhub.catalogue import CATALOGUE
from kerastl_tfhub.layers import SavedModelLayer

LAYER_NAME = "module"

_RAW_RANGE = {"image": (0.0, 255.0), "audio": (-1.0, 1.0)}
_MODULE_RANGE = {"image": (0.0, 1.0), "audio": (-1.0, 1.0)}


def build_network(
    handle: str,
    *,
    weights: str | None,
    input: Input | None = None,
    input_range: Sequence[float] | None = None,
    num_samples: int | None = None,
    **options: Any,
) -> keras.Model:
    """Returns a functional model from raw input to a feature vector `(batch, feature_dim)`.

    Args:
        handle: Name in the catalogue, URL, folder or archive.
        weights: A name published for the module, or the path of a `.weights.h5` saved from a
            network that this function built.
        input: The requested input; None takes the catalogue's, otherwise that of the module's
            signature. If the signature leaves the size open, it is 224 pixels or one second.
        input_range: Smallest and largest input value of the module; None takes the catalogue's,
            otherwise TF Hub's conventions, [0, 1] for images and [-1, 1] for audio.
        num_samples: Length of an audio clip, for a module outside the catalogue that takes any.
        options: Other arguments of `SavedModelLayer`.

    Raises:
        BackboneError: The module does not take this input or does not output a feature vector.
        WeightsError: The weights do not exist, or random weights are requested.
    """
    entry = CATALOGUE.get(handle)
    published = (entry.weights if entry else "module",)
    _check_weights(handle, weights, published)
    layer = SavedModelLayer(
        handle, batch_norm="update", name=LAYER_NAME, **module_options(handle, options)
    )
    input = input or (entry.input if entry else _signature_input(layer, num_samples))
    _check_input(layer, input, handle)
    raw = keras.Input(input.shape, name=input.modality)
    features = layer(_rescaled(raw, input.modality, module_range(handle, input, input_range)))
    _check_features(features, handle)
    network = keras.Model(raw, features, name="tfhub")
    if weights not in published:
        _load_file(network, str(weights), handle)
    return network


def _load_file(network: keras.Model, weights: str, handle: str) -> None:
    try:
        load_weights_file(network, weights)
    except (ValueError, OSError, LookupError) as error:
        raise WeightsError(
            f"The weights do not fit the module '{handle}'.",
            where=weights,
            expected="a .weights.h5 or .keras file of the same network",
            received=str(error).partition("\n")[0],
        ) from error


def module_options(handle: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the options of the layer: the catalogue's, overridden by the user's."""
    entry = CATALOGUE.get(handle)
    defaults = dict(entry.options) if entry else {"pooling": "mean"}
    return {**defaults, **options}


def module_range(handle: str, input: Input, wanted: Sequence[float] | None) -> tuple[float, float]:
    """Returns the range of the module's input values.

    Raises:
        BackboneError: The requested range is not valid.
    """
    if wanted is None:
        entry = CATALOGUE.get(handle)
        return entry.input_range if entry else _MODULE_RANGE[input.modality]
    if len(wanted) != 2 or not wanted[0] < wanted[1]:
        raise BackboneError(
            "The option 'input_range' is not a range.",
            expected="two numbers, the smaller one first, such as [-1, 1]",
            received=str(list(wanted)),
        )
    return (float(wanted[0]), float(wanted[1]))


def rescaling(modality: str, target: tuple[float, float]) -> tuple[float, float]:
    """Returns scale and offset from kerastl's raw range to the module's."""
    low, high = _RAW_RANGE[modality]
    scale = (target[1] - target[0]) / (high - low)
    return scale, target[0] - low * scale


def _rescaled(raw: Any, modality: str, target: tuple[float, float]) -> Any:
    scale, offset = rescaling(modality, target)
    if (scale, offset) == (1.0, 0.0):
        return raw
    return keras.layers.Rescaling(scale, offset=offset, name="rescaling", dtype="float32")(raw)


def _signature_input(layer: SavedModelLayer, num_samples: int | None) -> Input:
    shape = tuple(layer.module.form.input_spec.shape)
    if len(shape) in (3, 4):
        height, width, _ = shape[-3:]
        return ImageInput(height=height or 224, width=width or 224)
    return AudioInput(sample_rate_hz=16000, num_samples=num_samples or shape[-1] or 16000)


def _check_weights(handle: str, weights: str | None, published: tuple[str, ...]) -> None:
    if weights is None:
        raise WeightsError(
            "A TF Hub module has no random weights: it is published together with its weights.",
            where=f"tfhub:{handle}",
            expected=f"{' or '.join(published)}, or the path of a .weights.h5",
        )
    if weights not in published and not Path(weights).is_file():
        raise WeightsError(
            "There are no such weights for this module.",
            where=f"tfhub:{handle}",
            expected=f"{' or '.join(published)}, or the path of a .weights.h5",
            received=weights,
        )


def _check_input(layer: SavedModelLayer, input: Input, handle: str) -> None:
    """Compares the requested input with the module's signature."""
    spec = layer.module.form.input_spec
    wanted = (None, *input.shape)
    one_example = layer.module.takes_one_example(len(wanted))
    taken = (None, *spec.shape) if one_example else spec.shape
    if not spec.shape.is_compatible_with(wanted[1:] if one_example else wanted):
        raise BackboneError(
            f"The module does not take {_described(input)}.",
            where=f"tfhub:{handle}",
            expected=f"input of shape {tuple(taken)}",
            received=f"input of shape {wanted}",
            fix="Set backbone.input_size to a size that the module takes, or choose a module for "
            f"{'images' if isinstance(input, ImageInput) else 'audio'}.",
        )
    entry = CATALOGUE.get(handle)
    if isinstance(input, AudioInput) and entry and isinstance(entry.input, AudioInput):
        _check_rate(input, entry.input, handle)


def _check_rate(input: AudioInput, known: AudioInput, handle: str) -> None:
    if input.sample_rate_hz != known.sample_rate_hz or input.num_samples < known.min_samples:
        raise BackboneError(
            f"The module does not take {_described(input)}.",
            where=f"tfhub:{handle}",
            expected=f"at least {known.min_samples} samples at {known.sample_rate_hz} Hz",
            received=f"{input.num_samples} samples at {input.sample_rate_hz} Hz",
        )


def _check_features(features: Any, handle: str) -> None:
    if len(features.shape) != 2 or features.shape[-1] is None:
        raise BackboneError(
            "The module does not output a feature vector.",
            where=f"tfhub:{handle}",
            expected="output of shape (batch, features)",
            received=f"output of shape {tuple(features.shape)}",
            fix="Choose an output or a pooling in backbone.options.",
        )


def _described(input: Input) -> str:
    if isinstance(input, ImageInput):
        return f"images of {input.height} × {input.width} pixels"
    return f"audio of {input.shape[0]} samples"
