"""YAML 1.2 by its core schema, with the path of everything that is wrong.

Convention: `1e-4` is a number, and `yes`, `1_000` and dates are text, as in the core schema. What
is refused is reported, and reading goes on, so that all problems appear at once.
"""

import math
import re
from collections.abc import Callable, Iterator
from itertools import takewhile
from typing import Any

import yaml

from kerastl.settings import KeyPath, Problem

MAX_CHARACTERS = 1_000_000
MAX_VALUES = 50_000  # an alias counts as many as its anchor
MAX_ENTRIES = 10_000  # of one list or mapping
MAX_DEPTH = 50
_MAX_DIGITS = 100
_CORE: dict[str, Callable[[str], Any]] = {
    r"|~|null|Null|NULL": lambda text: None,
    r"true|True|TRUE|false|False|FALSE": lambda text: text.lower() == "true",
    r"[-+]?[0-9]+": int,
    r"0o[0-7]+|0x[0-9a-fA-F]+": lambda text: int(text, 0),
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?": float,
    r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)": lambda text: float(text.replace(".", "")),
}


class LimitError(yaml.MarkedYAMLError):
    """YAML that is larger or nested deeper than any config."""


def read_yaml(text: str, *, path: KeyPath = ()) -> tuple[Any, tuple[Problem, ...]]:
    """Reads one YAML document into plain values; also returns what is wrong with it.

    The paths of problems begin with `path`. Invalid YAML raises a `yaml.YAMLError`, and too much
    of it a `LimitError`.
    """
    if len(text) > MAX_CHARACTERS:
        raise LimitError(problem=f"more than {MAX_CHARACTERS:,} characters")
    reader = _Reader(yaml.parse(text, Loader=yaml.SafeLoader))
    return reader.document(path), tuple(reader.problems)


def write_yaml(value: Any) -> str:
    """Returns YAML from which `read_yaml` and readers of YAML 1.1 read the same plain values."""
    return yaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=96,
    )


def syntax_problem(error: yaml.YAMLError) -> str:
    """Returns the message of a YAML error with its line and column, in one line."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return str(error).splitlines()[0]
    problem = error.problem or error.context or "not readable"
    mark: Any = error.problem_mark
    return f"line {mark.line + 1}, column {mark.column + 1}, {problem}" if mark else problem


class _Reader:
    def __init__(self, events: Iterator[Any]):
        self.problems: list[Problem] = []
        self._events = events
        self._anchors: dict[str, tuple[Any, int] | None] = {}  # value and size, None while open
        self._num_values = 0

    def document(self, path: KeyPath) -> Any:
        value = None
        for event in self._events:
            if isinstance(event, yaml.NodeEvent):
                value = self._value(event, path, 0)
            elif isinstance(event, yaml.DocumentStartEvent) and self._num_values:
                raise _error("expected a single document", event)
        return value

    def _value(self, event: Any, path: KeyPath, depth: int) -> Any:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path)
        before = self._num_values
        self._count(event, 1)
        if depth > MAX_DEPTH:
            raise _error(f"more than {MAX_DEPTH} levels of nesting", event, LimitError)
        if event.tag is not None:
            short = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._report(path, f"the tag {short} is not supported. Write the plain value.")
        self._anchors[event.anchor] = value = None
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event, path)
        elif isinstance(event, yaml.SequenceStartEvent):
            items = enumerate(self._items())
            value = [self._value(item, (*path, index), depth + 1) for index, item in items]
        else:
            value = self._mapping(path, depth)
        self._anchors[event.anchor] = value, self._num_values - before
        return value

    def _alias(self, event: Any, path: KeyPath) -> Any:
        if event.anchor not in self._anchors:
            raise _error(f"found the undefined alias '{event.anchor}'", event)
        anchored = self._anchors[event.anchor]
        if anchored is None:
            self._report(path, "an alias cannot be inside what it stands for. Write it out.")
            return None
        value, size = anchored
        self._count(event, size)
        return value

    def _count(self, event: Any, size: int) -> None:
        self._num_values += size
        if self._num_values > MAX_VALUES:
            raise _error(f"more than {MAX_VALUES:,} values", event, LimitError)

    def _items(self) -> Iterator[Any]:
        """Yields the first event of each item of the open collection."""
        items = takewhile(lambda item: not isinstance(item, yaml.CollectionEndEvent), self._events)
        for number, item in enumerate(items):
            if number == MAX_ENTRIES:
                raise _error(f"more than {MAX_ENTRIES:,} entries", item, LimitError)
            yield item

    def _mapping(self, path: KeyPath, depth: int) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for event in self._items():
            key = self._key(event, path, depth)
            inner = path if key is None else (*path, key)
            value = self._value(next(self._events), inner, depth + 1)
            line = event.start_mark.line + 1
            if key in mapping:
                self._report(inner, f"given twice, in lines {lines[key]} and {line}.")
            elif key is not None:
                lines[key], mapping[key] = line, value
        return mapping

    def _key(self, event: Any, path: KeyPath, depth: int) -> str | None:
        if not isinstance(event, yaml.ScalarEvent):
            self._value(event, path, depth + 1)
            self._report(path, "a key is a list, a mapping or an alias. Write text.")
            return None
        text = str(event.value)
        if event.implicit[0] and text == "<<":
            self._report(path, "the merge key << is not supported. Repeat the keys.")
            return None
        if event.implicit[0] and _converter(text):
            self._report((*path, text), f'expected text as a key. In YAML write "{text}":')
        return text

    def _scalar(self, event: Any, path: KeyPath) -> Any:
        text = event.value
        convert = _converter(text) if event.implicit[0] else None
        if convert is None:
            return text
        if len(text) > _MAX_DIGITS:
            expected = f"expected a number of up to {_MAX_DIGITS} characters"
            self._report(path, f"{expected}, received {len(text)}")
            return 0
        value = convert(text)
        if isinstance(value, float) and not math.isfinite(value):
            self._report(path, f"expected a finite number, received {text}")
            return 0.0
        return value

    def _report(self, path: KeyPath, text: str) -> None:
        self.problems.append(Problem(path, text))


def _error(
    problem: str, event: Any, kind: type[yaml.MarkedYAMLError] = yaml.MarkedYAMLError
) -> yaml.MarkedYAMLError:
    return kind(problem=problem, problem_mark=event.start_mark)


def _converter(text: str) -> Callable[[str], Any] | None:
    """Returns what makes a value of a plain scalar, or None if it is text."""
    if text[:1].isalpha() and text[0] not in "ntfNTF":
        return None
    return next((convert for core, convert in _CORE.items() if re.fullmatch(core, text)), None)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # PyYAML quotes what YAML 1.1 takes for another value.
    is_quoted = not text.isprintable() or _converter(text) is not None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if is_quoted else None)


_Dumper.add_representer(str, _represent_text)
