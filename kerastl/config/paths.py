"""Paths in a config: which values are paths, and how they become absolute."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

WEIGHTS_SUFFIXES = (".h5", ".hdf5", ".keras", ".npz", ".pb", ".gz", ".tgz", ".zip", ".pt", ".pth")


def anchor_paths(raw: Any, base: Path) -> Any:
    """Returns the config with every path in it absolute.

    Paths are `data.table`, `evaluation.recordings`, `augment.noise.files`, `backbone.weights` if it
    is a file, and the path of a `backbone.name` such as `run:PATH` or `tfhub:./PATH`. Values that
    are not text are left as they are.

    Args:
        raw: The config, or a part of it from its outermost key on, not validated yet.
        base: The folder that relative paths start from.
    """
    raw = _replaced(raw, "data", "table", lambda table: _table(table, base))
    raw = _replaced(raw, "backbone", "weights", lambda weights: _weights(weights, base))
    raw = _replaced(raw, "evaluation", "recordings", lambda table: _table(table, base))
    raw = _replaced(raw, "augment", "noise", lambda noise: _noise(noise, base))
    return _replaced(raw, "backbone", "name", lambda name: _name(name, base))


def is_weights_file(weights: str) -> bool:
    """Whether `backbone.weights` is a file and not a published name."""
    return (
        weights.startswith("~")
        or "/" in weights
        or os.sep in weights
        or weights.lower().endswith(WEIGHTS_SUFFIXES)
    )


def _replaced(raw: Any, section: str, key: str, replace: Callable[[Any], Any]) -> Any:
    inner = raw.get(section) if isinstance(raw, Mapping) else None
    if not isinstance(inner, Mapping) or key not in inner:
        return raw
    return {**raw, section: {**inner, key: replace(inner[key])}}


def _table(table: Any, base: Path) -> Any:
    if isinstance(table, list | tuple):
        return [_table(one, base) for one in table]
    return _absolute(str(table), base) if isinstance(table, str | Path) and str(table) else table


def _noise(noise: Any, base: Path) -> Any:
    return _replaced({"noise": noise}, "noise", "files", lambda files: _table(files, base))["noise"]


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
