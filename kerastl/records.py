"""Frozen dataclasses to plain values and back: the one serialization of results.

Convention: a field that has a default and holds it is left out. Reading ignores unknown keys, turns
null into NaN for floats, and gives fields that an older file lacks their default or the empty value
of their type: None, NaN, 0, nothing.
"""

import dataclasses
import functools
import math
import types
from collections.abc import Mapping
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")
_UNSTORED = "unstored"
_PLAIN: Mapping[Any, tuple[type, ...]] = {
    float: (float, int),
    int: (int,),
    str: (str,),
    bool: (bool,),
}


def unstored(default: Any) -> Any:
    """Returns a field that is never written; records that are read have the default."""
    return dataclasses.field(default=default, metadata={_UNSTORED: True})


def to_values(record: Any) -> Any:
    """Returns a dataclass, or a mapping or sequence of them, as dicts; NaN and tuples stay."""
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        return {
            field.name: to_values(value)
            for field in dataclasses.fields(record)
            if _is_written(field, value := getattr(record, field.name))
        }
    if isinstance(record, Mapping):
        return {key: to_values(value) for key, value in record.items()}
    if isinstance(record, list | tuple):
        return type(record)(to_values(item) for item in record)
    return record


def from_values(kind: type[T], values: Mapping[str, Any]) -> T:
    """Returns the record of a dataclass whose fields `to_values` or a JSON file contains.

    A value that is not of the type of its field raises a `TypeError`.
    """
    hints = _hints(kind)  # type: ignore[arg-type]
    read = {
        field.name: _read(hints[field.name], values[field.name])
        if field.name in values
        else _absent(hints[field.name])
        for field in dataclasses.fields(kind)  # type: ignore[arg-type]
        if field.init and (field.name in values or not _has_default(field))
    }
    return kind(**read)


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _has_default(field: "dataclasses.Field[Any]") -> bool:
    return (
        field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
    )


def _is_written(field: "dataclasses.Field[Any]", value: Any) -> bool:
    if field.metadata.get(_UNSTORED):
        return False
    if field.default_factory is not dataclasses.MISSING:
        return bool(value != field.default_factory())
    return field.default is dataclasses.MISSING or bool(value != field.default)


def _read(hint: Any, value: Any) -> Any:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is types.UnionType:
        kinds = [kind for kind in inner if kind is not types.NoneType]
        return value if value is None or len(kinds) > 1 else _read(kinds[0], value)
    if dataclasses.is_dataclass(hint):
        return from_values(hint, value)  # type: ignore[arg-type]
    if origin is tuple:
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else list(inner)
        return tuple(_read(kind, item) for kind, item in zip(kinds, value, strict=True))
    if origin is list:
        return [_read(inner[0], item) for item in value]
    if origin is Mapping:
        return {key: _read(inner[1], item) for key, item in value.items()}
    if hint is float and value is None:
        return math.nan
    if hint in _PLAIN and type(value) not in _PLAIN[hint]:
        raise TypeError(f"expected {hint.__name__}, received {value!r:.60}")
    return value


def _absent(hint: Any) -> Any:
    if get_origin(hint) is types.UnionType:
        return None
    if dataclasses.is_dataclass(hint):
        return from_values(hint, {})  # type: ignore[arg-type]
    nothing: dict[Any, Any] = {float: math.nan, int: 0, str: "", tuple: (), list: [], Mapping: {}}
    return nothing.get(get_origin(hint) or hint)
