"""Fingerprints of networks: hashes of architecture, weights and code.

Convention: the names of layers do not count, because Keras numbers layers as they are created, so
the same network has other names in another process. Names that connect layers are replaced by the
order of the layers.
"""

import hashlib
import inspect
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerastl_runtime.files import file_sha256

if TYPE_CHECKING:
    import keras

_CONNECTIONS = ("keras_history", "input_layers", "output_layers")
_DIGITS = 32


def network_fingerprint(network: "keras.Model") -> str:
    """Returns the hash of everything that determines the output of a functional model."""
    import keras

    digest = hashlib.sha256(keras.__version__.encode())
    digest.update(_architecture(network).encode())
    for source in sorted(_own_sources(network)):
        digest.update(file_sha256(Path(source)))
    for variable in network.variables:
        if "seed_generator" not in variable.path:
            values = np.ascontiguousarray(keras.ops.convert_to_numpy(variable))
            digest.update(f"{values.dtype}{values.shape}".encode())
            digest.update(values.view(np.uint8).data if values.size else b"")
    return digest.hexdigest()


def combined_fingerprint(facts: Mapping[str, Any]) -> str:
    """Returns a short hash of facts that serves as the name of a folder."""
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def _architecture(network: "keras.Model") -> str:
    import keras

    config = keras.saving.serialize_keras_object(network)
    names = {name: f"#{order}" for order, name in enumerate(_names(config))}
    return json.dumps(_without_names(config, names), sort_keys=True, default=str)


def _names(value: Any) -> Iterator[str]:
    """Yields the name of every layer, in the order of the config."""
    if isinstance(value, Mapping):
        inner = value.get("config")
        if "class_name" in value and isinstance(inner, Mapping) and "name" in inner:
            yield str(inner["name"])
        for item in value.values():
            yield from _names(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _names(item)


def _without_names(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _renamed(item, names)
            if key == "name" or key in _CONNECTIONS
            else _without_names(item, names)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_without_names(item, names) for item in value]
    return value


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, list | tuple):
        return [_renamed(item, names) for item in value]
    return value


def _own_sources(network: "keras.Model") -> set[str]:
    """Returns the source files of the layers that are not part of Keras."""
    kinds = {type(layer) for layer in _layers(network)}
    own = [kind for kind in kinds if kind.__module__.partition(".")[0] != "keras"]
    sources = (inspect.getsourcefile(kind) for kind in own)
    return {source for source in sources if source is not None and Path(source).is_file()}


def _layers(layer: Any) -> Iterator[Any]:
    yield layer
    for inner in getattr(layer, "layers", ()):
        yield from _layers(inner)
