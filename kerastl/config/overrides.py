"""Overrides of single keys of a config: `--set a.b=value`."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import yaml

from kerastl.config.strict_yaml import read_yaml, syntax_problem
from kerastl.settings.problems import Problem, value_at

_KEY = r'(?:"([^"]+)"|([^."]+))'


def apply_override(
    raw: dict[str, Any], override: str, anchor: Callable[[Any], Any]
) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """Returns the config with an override applied, and the problems of the override.

    A value replaces the previous value as a whole, also if it is a mapping. Outer keys whose value
    is not a mapping become mappings. `anchor` makes the paths of a config absolute.
    """
    keys, value, problems = _parse(override)
    if keys:
        raw = with_value(raw, keys, value_at(anchor(with_value({}, keys, value)), keys))
    return raw, problems


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
    if not re.fullmatch(rf"{_KEY}(\.{_KEY})*", key_text):
        return ()
    return tuple(quoted or bare for quoted, bare in re.findall(_KEY, key_text))


def with_value(raw: Any, keys: Sequence[str], value: Any) -> dict[str, Any]:
    """Returns nested mappings with another value at a path of keys."""
    inner = dict(raw) if isinstance(raw, Mapping) else {}
    key, *below = keys
    return {**inner, key: with_value(inner.get(key), below, value) if below else value}
