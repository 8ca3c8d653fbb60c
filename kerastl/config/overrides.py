"""Overrides of single keys of a config: `--set a.b=value`."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from kerastl.config.paths import anchor_paths
from kerastl.config.strict_yaml import read_yaml, syntax_problem
from kerastl.settings.problems import Problem

_KEY = re.compile(r'"([^"]+)"|([^."]+)')


def apply_overrides(
    raw: Mapping[str, Any], overrides: Sequence[str], *, base: Path
) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """Returns the config with the overrides applied, and the problems of the overrides.

    A value replaces the previous value as a whole, also if it is a mapping. Outer keys whose value
    is not a mapping become mappings. The last override of a key counts.

    Args:
        raw: The config, not validated yet.
        overrides: `KEY=VALUE` each; KEY is a dotted path, VALUE is YAML.
        base: Folder that paths in the values are relative to.
    """
    result = dict(raw)
    problems: list[Problem] = []
    for override in overrides:
        keys, value, wrong = _parse(override)
        problems.extend(wrong)
        if keys:
            result = _merged(result, anchor_paths(_nested(keys, value), base), len(keys))
    return result, tuple(problems)


def _parse(override: str) -> tuple[tuple[str, ...], Any, tuple[Problem, ...]]:
    key_text, equals, value_text = override.partition("=")
    keys = split_key(key_text.strip())
    try:
        if not equals or not keys:
            wrong = "expected KEY=VALUE, such as fit.epochs=3"
        elif not value_text.strip():
            wrong = "expected a value after '='. For none write null."
        else:
            return keys, *read_yaml(value_text, path=keys)
    except yaml.YAMLError as error:
        wrong = f"the value is not valid YAML ({syntax_problem(error)})"
    return (), None, (Problem((), f"--set {override}: {wrong}"),)


def split_key(key_text: str) -> tuple[str, ...]:
    """Returns the parts of a dotted key; those in double quotes may contain dots; () if invalid."""
    parts: list[str] = []
    position = 0
    while match := _KEY.match(key_text, position):
        parts.append(match[1] or match[2])
        position = match.end() + 1
        if match.end() == len(key_text):
            return tuple(parts)
        if key_text[match.end()] != ".":
            break
    return ()


def _nested(keys: tuple[str, ...], value: Any) -> dict[str, Any]:
    for key in reversed(keys):
        value = {key: value}
    return value


def _merged(raw: Any, override: dict[str, Any], depth: int) -> dict[str, Any]:
    base = dict(raw) if isinstance(raw, Mapping) else {}
    ((key, value),) = override.items()
    return {**base, key: value if depth == 1 else _merged(base.get(key), value, depth - 1)}
