"""Loads published weights, or a local file in any of Keras's formats."""

import itertools
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from kerastl.backbones import (
    ImageInput,
    WeightsError,
    load_weights_file,
    refuse_unsafe_file,
    suggestion,
)
from kerastl_applications.facts import ARCHITECTURES, NETWORKS, Network
from kerastl_applications.networks import construct

PUBLISHED = "imagenet"
KERAS_SUFFIXES = (".keras", ".weights.h5")
LEGACY_SUFFIXES = (".h5", ".hdf5")
_NOTHING_HELPS = "Use a file that was saved from this network with the same options."


def load_weights(
    model: keras.Model,
    network: Network,
    *,
    weights: str | Path | None,
    image: ImageInput,
    options: Mapping[str, Any],
) -> None:
    """Fills `model` with `weights`.

    Args:
        model: The network to fill, with random weights.
        network: Its facts.
        weights: `"imagenet"`, a file, or None to leave random ones.
        image: Size of the images; some networks have separate weights for some sizes.
        options: Options that the network was built with.

    Raises:
        WeightsError: The weights do not exist, cannot be downloaded or read, or belong to another
            network.
    """
    if weights is None:
        return
    if str(weights) == PUBLISHED:
        _load_published(model, network, image=image, options=options)
    else:
        _load_file(model, network, _existing(Path(weights), network))


def _existing(path: Path, network: Network) -> Path:
    if path.is_file():
        return path
    nearest = suggestion(str(path), [PUBLISHED])
    raise WeightsError(
        f"There are no weights '{path}' for the backbone 'applications:{network.name}'.",
        expected=f"'{PUBLISHED}', an existing file "
        f"({', '.join((*KERAS_SUFFIXES, *LEGACY_SUFFIXES))}), or null for random weights",
        fix=nearest or "Check the path: in a config it is relative to the config's folder.",
    )


def _load_published(
    model: keras.Model, network: Network, *, image: ImageInput, options: Mapping[str, Any]
) -> None:
    _require_published(network, options)
    try:
        source = construct(
            network, options, weights=PUBLISHED, input_shape=_published_shape(network, image)
        )
    except Exception as error:
        raise WeightsError(
            f"The published weights '{PUBLISHED}' of 'applications:{network.name}' cannot be "
            "downloaded.",
            received=_first_line(error),
            fix="Check the network, or set backbone.weights to a local file or to null.",
        ) from error
    take_weights(model, source.get_weights())


def take_weights(model: keras.Model, arrays: Sequence[np.ndarray]) -> None:
    """Sets all weights of `model`, in the order of `model.weights`."""
    model.set_weights(arrays)
    _finish(model)


def _finish(model: keras.Model) -> None:
    # A Normalization computes with copies of its weights that only this renews.
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()


def _require_published(network: Network, options: Mapping[str, Any]) -> None:
    if network.size(options) is None:
        names = tuple(ARCHITECTURES[network.architecture].options)
        raise WeightsError(
            f"There are no published weights of 'applications:{network.name}' with these options.",
            expected="\n".join(_described(names, values) for values in network.sizes),
            received=_described(names, tuple(options.values())),
            fix="Change backbone.options, or set backbone.weights to a local file or to null.",
        )


def _described(names: Sequence[str], values: Sequence[Any]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in zip(names, values, strict=True))


def _published_shape(network: Network, image: ImageInput) -> tuple[int, int, int]:
    """Returns the shape whose weights Keras publishes, nearest to the requested size."""
    sizes = ARCHITECTURES[network.architecture].published_sizes
    square = image.height == image.width
    side = image.height if square and image.height in sizes else network.default_size
    return (side, side, 3)


def _load_file(model: keras.Model, network: Network, path: Path) -> None:
    num_values = 0
    try:
        num_values = refuse_unsafe_file(path)
        if path.name.endswith(KERAS_SUFFIXES):
            load_weights_file(model, path)
        elif path.name.endswith(LEGACY_SUFFIXES):
            _load_legacy(model, path)
        else:
            raise ValueError(f"unknown suffix '{path.suffix}'")
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"The weights cannot be loaded into the backbone 'applications:{network.name}'.",
            where=str(path),
            expected=f"weights of keras.applications.{network.constructor}, as "
            f"{', '.join((*KERAS_SUFFIXES, *LEGACY_SUFFIXES))}",
            received=_first_line(error),
            fix=_owner(num_values) or _NOTHING_HELPS,
        ) from error


def _owner(num_values: int) -> str | None:
    """Returns the fix for a file with so many weights: the network and options that have them."""
    found = [
        (network, options)
        for network in NETWORKS.values()
        for options, size in network.sizes.items()
        if size.num_params == num_values
    ]
    if len(found) != 1:
        return None
    (network, values) = found[0]
    names = tuple(ARCHITECTURES[network.architecture].options)
    options = f", options: {{{_described(names, values)}}}" if names else ""
    return (
        f"It has as many weights as this backbone: {{name: applications:{network.name}{options}}}."
    )


def _load_legacy(model: keras.Model, path: Path) -> None:
    """Loads an `.h5` file of Keras 1 or 2, saved with or without the last layers.

    Layers are matched by name if the file has every name, otherwise by their order, because the
    names that Keras counts up (`conv2d_7`) depend on what was built before.
    """
    layers = [layer for layer in model.layers if layer.weights]
    with h5py.File(path) as file:
        saved = dict(_saved_layers(file.get("model_weights", file)))
    known = all(layer.name in saved for layer in layers)
    if not known and len(saved) < len(layers):
        raise ValueError(f"{len(saved)} layers with weights, where the network has {len(layers)}")
    names = [layer.name for layer in layers] if known else list(saved)
    for layer, name in zip(layers, names, strict=False):
        _assign(layer, saved[name])
    _finish(model)


def _saved_layers(group: h5py.Group) -> Iterator[tuple[str, list[np.ndarray]]]:
    if "layer_names" not in group.attrs and "layer_names0" not in group.attrs:
        raise ValueError("no list of layers; a file of `save_weights` must end in .weights.h5")
    for name in _attribute(group, "layer_names"):
        arrays = [np.asarray(group[name][key]) for key in _attribute(group[name], "weight_names")]
        if arrays:
            yield name, arrays


def _attribute(group: h5py.Group, name: str) -> list[str]:
    """Returns a list of names; HDF5 holds a long one in parts, as `name0`, `name1` and so on."""
    parts = [name] if name in group.attrs else _parts(group, name)
    return [_text(item) for part in parts for item in group.attrs[part]]


def _parts(group: h5py.Group, name: str) -> list[str]:
    return list(
        itertools.takewhile(
            lambda part: part in group.attrs, (f"{name}{index}" for index in itertools.count())
        )
    )


def _text(item: str | bytes) -> str:
    return item.decode() if isinstance(item, bytes) else item


def _assign(layer: keras.layers.Layer, arrays: Sequence[np.ndarray]) -> None:
    """Sets the weights of `layer`, in the order of the old files: trainable weights first."""
    variables = [*layer.trainable_weights, *layer.non_trainable_weights]
    expected = [tuple(variable.shape) for variable in variables]
    received = [array.shape for array in arrays]
    if expected != received:
        raise ValueError(f"layer '{layer.name}': shapes {received}, expected {expected}")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
