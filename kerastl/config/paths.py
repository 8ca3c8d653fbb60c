"""Paths in a config: which values are paths, and how they become absolute."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kerastl.media.media_types import MEDIA_TYPES

WEIGHTS_SUFFIXES = (".h5", ".hdf5", ".keras", ".npz", ".pb", ".gz", ".tgz", ".zip", ".pt", ".pth")


def anchor_paths(raw: Any, base: Path) -> Any:
    """Returns the config with every path in it absolute.

    Paths are `data.table`, `evaluation.recordings`, the `path_keys` of media types,
    `backbone.weights` if it is a file, and the path of a `backbone.name` such as `run:PATH` or
    `tfhub:./PATH`. Values that are not text remain as they are.

    Args:
        raw: The config, or a part of it from its outermost key on, not validated yet.
        base: The folder that relative paths start from.
    """
    media_keys = [keys for media in MEDIA_TYPES.values() for keys in media.path_keys]
    for keys in (("data", "table"), ("evaluation", "recordings"), *media_keys):
        raw = _replaced(raw, keys, lambda files: _files(files, base))
    raw = _replaced(raw, ("backbone", "weights"), lambda weights: _weights(weights, base))
    return _replaced(raw, ("backbone", "name"), lambda name: _name(name, base))


def is_weights_file(weights: str) -> bool:
    """Whether `backbone.weights` is a file and not a published name."""
    return (
        weights.startswith("~")
        or "/" in weights
        or os.sep in weights
        or weights.lower().endswith(WEIGHTS_SUFFIXES)
    )


def _replaced(raw: Any, keys: Sequence[str], replace: Callable[[Any], Any]) -> Any:
    """Returns nested mappings with another value at a path of keys, if they have it."""
    if not keys:
        return replace(raw)
    if not isinstance(raw, Mapping) or keys[0] not in raw:
        return raw
    return {**raw, keys[0]: _replaced(raw[keys[0]], keys[1:], replace)}


def _files(files: Any, base: Path) -> Any:
    if isinstance(files, list | tuple):
        return [_files(one, base) for one in files]
    return _absolute(str(files), base) if isinstance(files, str | Path) and str(files) else files


def _weights(weights: Any, base: Path) -> Any:
    if isinstance(weights, str | Path) and is_weights_file(str(weights)):
        return _absolute(str(weights), base)
    return weights


def _name(name: Any, base: Path) -> Any:
    if not isinstance(name, str):
        return name
    family, _, path = name.partition(":")
    is_path = family == "run" or (family == "tfhub" and path.startswith((".", "/", "~")))
    return f"{family}:{_absolute(path, base)}" if is_path and path else name


def _absolute(path: str, base: Path) -> str:
    return os.path.abspath(base / Path(path).expanduser())  # noqa: PTH100 - resolve() would follow links
