"""pydantic's errors in kerastl's words, each at the path of its key."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from kerastl.config.problems import KeyPath, Problem, format_path
from kerastl.config.schema import ExactFit, KerasFit
from kerastl.config.schema_paths import Location, key_path, key_paths, sections_at
from kerastl.errors import did_you_mean, suggestion
from kerastl.settings import PROBLEMS_ERROR, SHAPE_ERROR

_LONGEST = 60
_FOREIGN = {
    "class_weight": "Keras's class_weight is silently wrong where labels are missing. "
    "Set loss.positive_weight."
}


def explain(errors: Sequence[ErrorDetails], raw: Any) -> tuple[Problem, ...]:
    """Returns what pydantic found, told as problems.

    A missing key that a misspelt one beside it was meant to be is left out.

    Args:
        errors: `ValidationError.errors()`.
        raw: What was validated.
    """
    problems = [problem for error in errors for problem in _problems(error, raw)]
    meant = {_meant_path(error["loc"]) for error in errors if error["type"] == "extra_forbidden"}
    return tuple(
        problem
        for problem in problems
        if not (problem.path in meant and problem.text.startswith("missing"))
    )


def _problems(error: ErrorDetails, raw: Any) -> Iterator[Problem]:
    path = key_path(error["loc"])
    if error["type"] == PROBLEMS_ERROR:
        for below, text in error["ctx"]["problems"]:
            yield Problem(_joined(path, tuple(below)), text)
    elif error["type"] == "extra_forbidden":
        yield Problem(path, _unknown_key(error["loc"], raw))
    elif error["type"] == "missing":
        yield Problem(path, f"missing. {_description(error['loc'])}".strip())
    else:
        yield Problem(path, _wrong_value(error))


def _wrong_value(error: ErrorDetails) -> str:
    value = error["input"]
    expected = _expected(error)
    fix = _fix(error["type"], value, error.get("ctx", {}))
    text = f"expected {expected}, received {received(value)}"
    return f"{text}. {fix}" if fix else text


_EXPECTED: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "string_type": lambda ctx: "text",
    "int_type": lambda ctx: "a whole number",
    "float_type": lambda ctx: "a number",
    "finite_number": lambda ctx: "a finite number",
    "bool_type": lambda ctx: "true or false",
    "path_type": lambda ctx: "a path",
    "tuple_type": lambda ctx: "a list",
    "dict_type": lambda ctx: "keys with values",
    "model_type": lambda ctx: "keys with values",
    "model_attributes_type": lambda ctx: "keys with values",
    "string_too_short": lambda ctx: "text that is not empty",
    "too_short": lambda ctx: "at least one entry",
    "greater_than": lambda ctx: f"a number above {_bound(ctx['gt'])}",
    "greater_than_equal": lambda ctx: f"{_bound(ctx['ge'])} or more",
    "less_than": lambda ctx: f"a number below {_bound(ctx['lt'])}",
    "less_than_equal": lambda ctx: f"{_bound(ctx['le'])} or less",
}


def _expected(error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "literal_error":
        words = _literals(context)
        return words[0] if len(words) == 1 else f"one of {', '.join(words)}"
    if kind == SHAPE_ERROR:
        return error["msg"].removeprefix("expected ")
    if kind in _EXPECTED:
        return _EXPECTED[kind](context)
    return f"something else ({error['msg']})"


def _fix(kind: str, value: Any, context: Mapping[str, Any]) -> str | None:
    if kind == "literal_error" and isinstance(value, str):
        return suggestion(value, _literals(context))
    if kind == "string_type" and isinstance(value, bool | int | float):
        return f'In YAML write "{_scalar(value)}".'
    if kind == "tuple_type" and isinstance(value, str | int | float) and value != "":
        return f"In YAML write [{_scalar(value)}]."
    return None


def received(value: Any) -> str:
    """Returns a value as a message names it, shortened where it is long."""
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


def _bound(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def _literals(context: Mapping[str, Any]) -> list[str]:
    return context["expected"].replace(" or ", ", ").replace("'", "").split(", ")


def _unknown_key(location: Location, raw: Any) -> str:
    key = str(location[-1])
    if key in _FOREIGN:
        return _FOREIGN[key]
    section, *siblings = sections_at(location[:-1])
    if any(key in sibling.model_fields for sibling in siblings):
        return _of_another_shape(key, section, raw)
    meant = _meant_path(location)
    return f"unknown key. Did you mean '{format_path(meant)}'?" if meant else "unknown key"


def _of_another_shape(key: str, section: type[BaseModel], raw: Any) -> str:
    if section in (ExactFit, KerasFit):
        return _of_the_other_solver(key, section, raw)
    (distinctive, *_) = section.model_fields
    return f"means nothing beside {distinctive}. Remove one of them."


def _of_the_other_solver(key: str, section: Any, raw: Any) -> str:
    named = "solver" in raw["fit"]
    if section is ExactFit:
        why = "" if named else ", the default for linear heads on a frozen backbone"
        return f"means nothing with solver: exact{why}. Set fit.solver: keras, or remove fit.{key}."
    if named:
        return f"means nothing with solver: keras. Set fit.solver: exact, or remove fit.{key}."
    return (
        "means nothing with solver: keras, the default where the backbone learns, a head has "
        f"hidden layers or dropout, or examples are augmented. Remove fit.{key}."
    )


def _meant_path(location: Location) -> KeyPath | None:
    """Returns the path of the key that an unknown one was meant to be, here or elsewhere."""
    key = str(location[-1])
    names = [name for section in sections_at(location[:-1]) for name in section.model_fields]
    nearest = did_you_mean(key, names)
    if nearest:
        return (*key_path(location[:-1]), nearest)
    return next((path for path in key_paths() if path[-1] == key), None)


def _joined(path: KeyPath, below: KeyPath) -> KeyPath:
    for part in below:
        path = path[:-1] if part == ".." else (*path, part)
    return path


def _description(location: Location) -> str:
    for section in sections_at(location[:-1])[:1]:
        info = section.model_fields.get(str(location[-1]))
        return (info.description or "") if info else ""
    return ""
