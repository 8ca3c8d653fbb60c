"""Seeded mutations of valid files: what a stranger, or a broken tool, could have written."""

import copy
import math
import random
from collections.abc import Iterator
from typing import Any

JUNK = (
    *(None, True, -1, 0, 7.5, 10**9, 10**400, math.inf, math.nan),
    *("", "x", "7", "\x00", "\ud800", "a" * 5_000, "../x", "/"),
    *([], {}, [[[]]], {"": 1}, [1, 2], ["x"]),
)


def mutated(values: Any, draw: random.Random) -> Any:
    """Returns nested values with one of them removed, renamed, moved or replaced."""
    values = copy.deepcopy(values)
    places = list(_places(values))
    parent, key = draw.choice(places)
    kind = draw.randrange(4)
    if kind == 0:
        del parent[key]
    elif kind == 1 and isinstance(parent, dict):
        parent[draw.choice([f"{key}x", "", "\x00", "__class__"])] = parent.pop(key)
    elif kind == 2:
        parent[key] = copy.deepcopy(draw.choice([at[part] for at, part in places]))
    else:
        parent[key] = copy.deepcopy(draw.choice(JUNK))
    return values


def damaged(data: bytes, draw: random.Random) -> bytes:
    """Returns bytes that are cut, have a few other bytes, or repeat a part."""
    place = draw.randrange(len(data))
    kind = draw.randrange(4)
    if kind == 0:
        return data[:place]
    if kind == 1:
        return data[:place] + data[draw.randrange(len(data)) :]
    changed = bytearray(data)
    for _ in range(draw.randrange(1, 6)):
        changed[draw.randrange(len(data))] = (
            draw.choice(b'\x00\xff"[{,\n\r') if kind == 2 else (draw.randrange(256))
        )
    return bytes(changed)


def _places(values: Any) -> Iterator[tuple[Any, Any]]:
    """Yields every container with each of its keys or indices."""
    for key in values if isinstance(values, dict) else range(len(values)):
        yield values, key
        if isinstance(values[key], dict | list):
            yield from _places(values[key])
