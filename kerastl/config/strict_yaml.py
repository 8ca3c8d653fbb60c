"""YAML without its traps: what two readers of YAML could take for different values is reported.

Convention: a trap is a problem, and the value most likely meant stands in for it, so that reading
goes on and everything wrong is reported at once.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from kerastl.settings.problems import KeyPath, Problem

_TAG = "tag:yaml.org,2002:"
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+][0-9]+)?")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_MAX_DIGITS = 100
_OCTAL_1_2 = re.compile(r"0o[0-7]+")
_EXPONENT = re.compile(
    r"(?P<mantissa>[-+]?([0-9]+\.?[0-9]*|\.[0-9]+))[eE](?P<exponent>[-+]?[0-9]+)"
)


def read_yaml(text: str, *, path: KeyPath = ()) -> tuple[Any, tuple[Problem, ...]]:
    """Reads one YAML document into plain Python values.

    Args:
        text: The document.
        path: Where the document stands in the whole; the paths of problems begin with it.

    Returns:
        The value, made of dict, list, str, int, float, bool and None, and what is wrong with it.

    Raises:
        yaml.YAMLError: The text is no YAML at all.

    Example:

    ```python
    value, problems = read_yaml("fit: {learning_rate: 1e-4}")
    ```
    """
    reader = _Reader()
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    value = None if node is None else reader.value(node, path)
    return value, tuple(reader.problems)


def write_yaml(value: Any) -> str:
    """Returns the YAML of plain Python values; `read_yaml` reads it back without problems."""
    return yaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=96,
    )


@dataclass
class _Reader:
    problems: list[Problem] = field(default_factory=list)
    open_nodes: list[yaml.Node] = field(default_factory=list)

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        if any(node is open_node for open_node in self.open_nodes):
            self._report(path, "an alias inside of what it stands for. Write it out.")
            return None
        if _explicit_tag(node):
            short = node.tag.replace(_TAG, "!!")
            self._report(path, f"the tag {short} is not read here. Write the plain value.")
            return None
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        self.open_nodes.append(node)
        value = (
            self._sequence(node, path)
            if isinstance(node, yaml.SequenceNode)
            else self._mapping(node, path)
        )
        self.open_nodes.pop()
        return value

    def _sequence(self, node: yaml.Node, path: KeyPath) -> list[Any]:
        return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]

    def _mapping(self, node: yaml.Node, path: KeyPath) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            if key is None:
                continue
            line = key_node.start_mark.line + 1
            if key in mapping:
                self._report((*path, key), f"given twice, in lines {lines[key]} and {line}.")
                continue
            lines[key] = line
            mapping[key] = self.value(value_node, (*path, key))
        return mapping

    def _key(self, node: yaml.Node, path: KeyPath) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self._report(path, "a key is a list or a mapping. Keys are text.")
            return None
        text = node.value
        if node.tag == _TAG + "merge" and node.style is None:
            self._report(path, "the merge key << is not read here. Repeat the keys.")
            return None
        if not is_text(node):
            self._report((*path, text), f'expected text as a key. In YAML write "{text}":')
        return text

    def _scalar(self, node: yaml.ScalarNode, path: KeyPath) -> Any:
        if is_text(node):
            return node.value
        value, trap = _plain_value(node)
        if trap:
            self._report(path, trap)
        return value

    def _report(self, path: KeyPath, text: str) -> None:
        self.problems.append(Problem(path, text))


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    needs_escapes = not text.isprintable() or _number_in_disguise(text) is not None
    style = '"' if needs_escapes else None
    return dumper.represent_scalar(_TAG + "str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def is_text(node: yaml.ScalarNode) -> bool:
    """Whether every reader of YAML takes the scalar for text."""
    if node.style is not None:
        return True
    return node.tag == _TAG + "str" and _number_in_disguise(node.value) is None


def _explicit_tag(node: yaml.Node) -> bool:
    if isinstance(node, yaml.ScalarNode):
        plain = node.style is None
        return node.tag != _RESOLVER.resolve(yaml.ScalarNode, node.value, (plain, not plain))
    return node.tag not in (_TAG + "map", _TAG + "seq")


_RESOLVER = yaml.resolver.Resolver()


def _plain_value(node: yaml.ScalarNode) -> tuple[Any, str | None]:
    """Returns the value of a plain scalar that is no text, and the trap it is, if any."""
    text, kind = node.value, node.tag.removeprefix(_TAG)
    if kind == "null":
        return None, None
    if kind == "bool":
        return _boolean(text)
    if kind in ("int", "float", "str"):
        return _number(text, node)
    if kind == "timestamp":
        return text, f'received {text}, which YAML reads as a date. For the text write "{text}".'
    return text, f'received {text}, which has a meaning of its own in YAML. Write "{text}".'


def _boolean(text: str) -> tuple[bool, str | None]:
    value = text.lower() in ("true", "yes", "on")
    if text.lower() in ("true", "false"):
        return value, None
    word = "true" if value else "false"
    return value, (
        f"received the word {text}, which YAML reads as {word}. "
        f'Write {word}, or "{text}" for the text.'
    )


def _number(text: str, node: yaml.ScalarNode) -> tuple[Any, str | None]:
    if len(text) > _MAX_DIGITS:
        return 0, f"expected a number of up to {_MAX_DIGITS} characters, received {len(text)}"
    if _DECIMAL.fullmatch(text):
        return int(text), None
    disguised = _number_in_disguise(text)
    if disguised is not None:
        return disguised, (
            f"expected a number, received the text '{text}'. In YAML write {_as_yaml(text)}."
        )
    if _LEADING_ZERO.fullmatch(text):
        return _leading_zero(text)
    if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return float(text), None
    value = yaml.constructor.SafeConstructor().construct_object(node)
    if not math.isfinite(value):
        return 0.0, f"expected a finite number, received {text}"
    return value, (
        f'received {text}, which YAML reads as {value}. Write {value}, or "{text}" for the text.'
    )


def _leading_zero(text: str) -> tuple[int, str]:
    octal = int(text, 8)
    return int(text), (
        f"received {text}, which YAML reads as the octal number {octal}. "
        f'Write {int(text)} or {octal}, whichever is meant, or "{text}" for the text.'
    )


def _number_in_disguise(text: str) -> float | None:
    """Returns the number that PyYAML takes for text and other readers for a number, or None."""
    if _OCTAL_1_2.fullmatch(text):
        return int(text, 8)
    if _LEADING_ZERO.fullmatch(text) and set(text) & {"8", "9"}:
        return int(text)
    if _EXPONENT.fullmatch(text) and not _FLOAT.fullmatch(text):
        return float(text)
    return None


def _as_yaml(text: str) -> str:
    """Returns a number as every reader of YAML takes it for one."""
    match = _EXPONENT.fullmatch(text)
    if match is None:
        return str(_number_in_disguise(text))
    mantissa, exponent = match["mantissa"], match["exponent"]
    mantissa += "" if "." in mantissa else ".0"
    return f"{mantissa}e{exponent if exponent[0] in '+-' else '+' + exponent}"


def syntax_problem(error: yaml.YAMLError) -> str:
    """Returns what a YAML error says, with its line and column, in one line."""
    return ", ".join(_syntax_parts(error))


def _syntax_parts(error: yaml.YAMLError) -> Iterator[str]:
    if not isinstance(error, yaml.MarkedYAMLError):
        yield str(error).splitlines()[0]
        return
    mark = error.problem_mark
    if mark is not None:
        yield f"line {mark.line + 1}, column {mark.column + 1}"
    yield error.problem or error.context or "not readable"
