"""Problems of a config and the paths of their keys."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

KeyPath = tuple[str | int, ...]

MAX_PROBLEMS = 50  # that are explained; a file that has more is rarely a config

SHAPE_ERROR = "shape"  # pydantic error types of our own
PROBLEMS_ERROR = "problems"

_BARE_KEY = re.compile(r"[^\s.\[\]\"=]([^.\[\]\"=]*[^\s.\[\]\"=])?")


@dataclass(frozen=True)
class Problem:
    """One problem of a config."""

    path: KeyPath  # keys from the outermost inward; whole numbers are indices in a list, from 0
    text: str  # what is wrong and how to fix it

    def __str__(self) -> str:
        return f"{format_path(self.path)}: {self.text}" if self.path else self.text


def format_path(path: KeyPath) -> str:
    """Returns the dotted path, such as `data.labels.car.positive[0]`.

    A key with a dot, a bracket, a quote or an equals sign is written in double quotes.
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += "." if text else ""
            text += part if _BARE_KEY.fullmatch(part) else f'"{part}"'
    return text


def first_per_path(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Returns the first problem of each key: the others follow from it."""
    kept: dict[KeyPath | Problem, Problem] = {}
    for problem in problems:
        kept.setdefault(problem.path or problem, problem)
    return tuple(kept.values())


def in_file_order(problems: Iterable[Problem], raw: Any) -> tuple[Problem, ...]:
    """Returns the problems in the order of their keys in the file, missing keys last."""
    return tuple(sorted(problems, key=lambda problem: _place(problem.path, raw)))


def value_at(raw: Any, path: KeyPath) -> Any:
    """Returns the value at the path of keys that exist."""
    for part in path:
        raw = getattr(raw, str(part)) if hasattr(raw, "model_fields") else raw[part]
    return raw


def _place(path: KeyPath, raw: Any) -> list[int]:
    place = []
    for part in path:
        keys = list(raw) if isinstance(raw, Mapping) else []
        index = keys.index(part) if part in keys else len(keys)
        place.append(part if isinstance(part, int) else index)
        raw = raw[part] if part in keys else None
    return place
