"""Paths in a config: which values are paths, and how they become absolute."""

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, get_args

from kerastl.config.schema import Config
from kerastl.settings.locations import key_types
from kerastl.settings.problems import KeyPath

WEIGHTS_SUFFIXES = (".h5", ".hdf5", ".keras", ".npz", ".pb", ".gz", ".tgz", ".zip", ".pt", ".pth")


def anchor_paths(raw: Any, base: Path) -> Any:
    """Returns the config with every path in it absolute.

    Paths are the values of keys for files, `backbone.weights` if it is a file, and the path of a
    `backbone.name` such as `run:PATH` or `tfhub:./PATH`. Values that are not text remain as they
    are, and keys may be missing. Relative paths start from `base`.
    """
    for keys, anchor in _ANCHORS.items():
        raw = _replaced(raw, keys, partial(anchor, base=base))
    return raw


def is_weights_file(weights: str) -> bool:
    """Whether `backbone.weights` is a file and not a published name."""
    return (
        weights.startswith("~")
        or "/" in weights
        or os.sep in weights
        or weights.lower().endswith(WEIGHTS_SUFFIXES)
    )


def _replaced(raw: Any, keys: KeyPath, replace: Callable[[Any], Any]) -> Any:
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
    is_file = isinstance(weights, str | Path) and is_weights_file(str(weights))
    return _files(weights, base) if is_file else weights


def _name(name: Any, base: Path) -> Any:
    if not isinstance(name, str):
        return name
    family, _, path = name.partition(":")
    is_path = family == "run" or (family == "tfhub" and path.startswith((".", "/", "~")))
    return f"{family}:{_absolute(path, base)}" if is_path and path else name


def _absolute(path: str, base: Path) -> str:
    return os.path.abspath(base / Path(path).expanduser())  # noqa: PTH100 - resolve() would follow links


def _is_for_files(annotation: Any) -> bool:
    return annotation is Path or any(_is_for_files(inner) for inner in get_args(annotation))


_ANCHORS: dict[KeyPath, Callable[..., Any]] = {
    **{keys: _files for keys, kind in key_types(Config).items() if _is_for_files(kind)},
    ("backbone", "weights"): _weights,
    ("backbone", "name"): _name,
}
