"""Readable problems from pydantic's validation errors, each at the path of its key."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from kerastl.errors import did_you_mean, suggestion
from kerastl.settings.fields import FLAG_WORDS, is_flag_word
from kerastl.settings.locations import Location, key_path, key_types, sections_at
from kerastl.settings.problems import (
    MAX_PROBLEMS,
    PROBLEMS_ERROR,
    SHAPE_ERROR,
    KeyPath,
    Problem,
    format_path,
    value_at,
)

_LONGEST = 60
_FOREIGN = {
    "class_weight": "Keras's class_weight gives wrong results if labels are missing. "
    "Set loss.positive_weight."
}


def explain(error: ValidationError, raw: Any, root: type[BaseModel]) -> tuple[Problem, ...]:
    """Returns the first errors of validating `raw` against the model `root` as problems.

    A missing key is left out if there is a misspelled one beside it.
    """
    errors = error.errors(include_url=False)[: MAX_PROBLEMS + 1]
    explainer = _Explainer(raw, root)
    problems = [problem for error in errors for problem in explainer.problems(error)]
    meant = {
        explainer.meant_path(error["loc"]) for error in errors if error["type"] == "extra_forbidden"
    }
    return tuple(p for p in problems if p.path not in meant or not p.text.startswith("missing"))


@dataclass(frozen=True)
class _Explainer:
    raw: Any
    root: type[BaseModel]

    def problems(self, error: ErrorDetails) -> Iterator[Problem]:
        path = key_path(self.root, error["loc"])
        if error["type"] == PROBLEMS_ERROR:
            for below, text in error["ctx"]["problems"]:
                yield Problem(_joined(path, tuple(below)), text)
        elif error["type"] == "value_error":
            yield Problem(path, str(error["ctx"]["error"]))
        elif error["type"] == "extra_forbidden":
            yield Problem(path, self._unknown_key(error["loc"]))
        elif error["type"] == "missing":
            yield Problem(path, f"missing. {self._description(error['loc'])}".strip())
        else:
            yield Problem(path, _wrong_value(error))

    def meant_path(self, location: Location) -> KeyPath | None:
        """Returns the path of the key that an unknown key was meant to be, here or elsewhere."""
        key = str(location[-1])
        sections = sections_at(self.root, location[:-1])
        nearest = did_you_mean(key, [name for section in sections for name in section.model_fields])
        if nearest:
            return (*key_path(self.root, location[:-1]), nearest)
        return next((path for path in key_types(self.root) if path[-1] == key), None)

    def _unknown_key(self, location: Location) -> str:
        key = str(location[-1])
        if key in _FOREIGN:
            return _FOREIGN[key]
        section, *alternatives = sections_at(self.root, location[:-1])
        if any(key in alternative.model_fields for alternative in alternatives):
            given = value_at(self.raw, key_path(self.root, location[:-1]))
            return section.explain_misplaced(key, given)
        meant = self.meant_path(location)
        return f"unknown key. Did you mean '{format_path(meant)}'?" if meant else "unknown key"

    def _description(self, location: Location) -> str:
        section, *_ = sections_at(self.root, location[:-1]) or [BaseModel]
        info = section.model_fields.get(str(location[-1]))
        return (info and info.description) or ""


def _wrong_value(error: ErrorDetails) -> str:
    value = error["input"]
    expected = _expected(error)
    fix = _fix(error["type"], value, error.get("ctx", {}), expected)
    text = f"expected {expected}, received {received(value)}"
    return f"{text}. {fix}" if fix else text


_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "path_type": "a path",
    "tuple_type": "a list",
    "dict_type": "keys with values",
    "model_type": "keys with values",
    "string_too_short": "text that is not empty",
    "too_short": "at least one entry",
    "too_long": "at most {max_length} entries",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "a number below {lt}",
    "less_than_equal": "{le} or less",
}


def _expected(error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "literal_error":
        words = _literals(context)
        return words[0] if len(words) == 1 else f"one of {', '.join(words)}"
    if kind == SHAPE_ERROR:
        return error["msg"].removeprefix("expected ")
    if kind in _EXPECTED:
        return _EXPECTED[kind].format_map({name: _bound(value) for name, value in context.items()})
    return f"something else ({error['msg']})"


def _fix(kind: str, value: Any, context: Mapping[str, Any], expected: str) -> str | None:
    if kind == "literal_error" and isinstance(value, str):
        return suggestion(value, _literals(context))
    if kind == "string_type" and isinstance(value, bool | int | float):
        return "Put it in quotes."
    if kind == "bool_type" and is_flag_word(value):
        return f"Write {FLAG_WORDS[str(value).lower()]}."
    if kind in ("int_type", "float_type") and isinstance(value, str | float):
        return _as_number(value, whole=kind == "int_type")
    if kind == SHAPE_ERROR and isinstance(value, str) and "a number" in expected:
        return _as_number(value, whole=False)
    if kind == "tuple_type" and isinstance(value, str | int | float) and value != "":
        return f"Write [{_scalar(value)}]."
    return None


def _as_number(value: str | float, *, whole: bool) -> str | None:
    try:
        number = float(value)
    except ValueError:
        return None
    if not math.isfinite(number) or (whole and not number.is_integer()):
        return None
    return f"In YAML write {int(number) if number.is_integer() else number}."


def received(value: Any) -> str:
    """Returns a value as messages show it, shortened if it is long."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, str):
        short = value if len(value) <= _LONGEST else value[: _LONGEST - 1] + "…"
        return f"'{short}'"
    if isinstance(value, bool | int | float):
        return _scalar(value)
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    if isinstance(value, Mapping):
        return "keys with values" if value else "an empty mapping"
    return f"a {type(value).__name__}"


def _scalar(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _bound(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _literals(context: Mapping[str, Any]) -> list[str]:
    return context["expected"].replace(" or ", ", ").replace("'", "").split(", ")


def _joined(path: KeyPath, below: KeyPath) -> KeyPath:
    for part in below:
        path = path[:-1] if part == ".." else (*path, part)
    return path
