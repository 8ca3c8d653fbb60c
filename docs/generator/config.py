"""The reference of the config: key, type, default and meaning, from the JSON Schema of configs."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from kerastl.config import config_schema

Schema = Mapping[str, Any]

_HEAD = """\
# Config

One YAML file defines a training. `kerastl config init` writes a commented file to start from,
`kerastl config validate FILE` checks it, and `kerastl config schema` prints the JSON Schema,
which editors can use for completion and validation.

- Paths are relative to the folder of the file; those in `--set KEY=VALUE` are relative to the
  current folder.
- Unknown keys, duplicate keys and values of the wrong type are errors. All problems are
  reported at once.
- Files are read by the core schema of YAML 1.2: `1e-4` is a number, `true` and `false` are the
  only booleans, and `yes`, `no`, `on` and `off` are text.
- `--set` replaces the whole value of a key: `--set fit.epochs=3`,
  `--set "trainable={stages: 2}"`.
"""
_NAMED = {"labels": "TASK", "heads": "NAME"}
_BOUNDS = {
    "minimum": "≥",
    "exclusiveMinimum": ">",
    "maximum": "≤",
    "exclusiveMaximum": "<",
}
_WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "`true`, `false`",
    "null": "`null`",
    "object": "keys",
}


def page() -> str:
    """Returns the page."""
    schema = config_schema()
    definitions = schema["$defs"]
    return "\n".join([_HEAD, *_sections(schema, "", definitions)])


def _sections(schema: Schema, path: str, definitions: Schema) -> Iterator[str]:
    """Yields the section of a part of the config, then those of its own parts."""
    yield _section(schema, path, definitions)
    for key, value in schema["properties"].items():
        for name, below in _parts(value, f"{path}.{key}".lstrip(".")):
            yield from _sections(definitions[below], name, definitions)


def _parts(value: Schema, path: str) -> Iterator[tuple[str, str]]:
    """Yields path and definition of each part below a key."""
    named = [
        (f"{path}.{_NAMED.get(path.rpartition('.')[2], 'NAME')}", inner["additionalProperties"])
        for inner in _shapes(value)
        if isinstance(inner.get("additionalProperties"), dict)
    ]
    for name, inner in [*((path, inner) for inner in _shapes(value)), *named]:
        definition = str(inner.get("$ref", "")).rpartition("/")[2]
        if definition and definition != "JsonValue":
            yield name, definition


def _shapes(value: Schema) -> list[Schema]:
    return value.get("anyOf") or value.get("oneOf") or value.get("allOf") or [value]


def _section(schema: Schema, path: str, definitions: Schema) -> str:
    required = schema.get("required", [])
    rows = [
        f"| `{key}` | {_type(value, f'{path}.{key}'.lstrip('.'), definitions)} "
        f"| {_default(key, value, required)} | {_cell(_meaning(value, definitions))} |"
        for key, value in schema["properties"].items()
    ]
    head = f"## {_title(path, schema)}\n\n{schema['description']}\n\n"
    return head + "\n".join(["| key | type | default | meaning |", "|---|---|---|---|", *rows, ""])


def _meaning(value: Schema, definitions: Schema) -> str:
    referred = str(value.get("$ref", "")).rpartition("/")[2]
    description = value.get("description") or definitions.get(referred, {}).get("description", "")
    return str(description)


def _title(path: str, schema: Schema) -> str:
    if not path:
        return "The whole file"
    alternative = _alternative(schema)
    return f"`{path}`{f', {alternative}' if alternative else ''}"


def _alternative(schema: Schema) -> str:
    """Returns what distinguishes a section from the others at the same key, or an empty text."""
    solver = schema["properties"].get("solver", {}).get("const")
    if solver:
        return f"with solver {solver}"
    titles = {
        "FractionSplit": "by fractions",
        "ColumnSplit": "by column",
        "TrainableAdapters": "with adapters",
        "TrainableStages": "by stages",
        "TrainableVariables": "by variables",
    }
    return titles.get(schema["title"], "")


def _type(value: Schema, path: str, definitions: Schema) -> str:
    kinds = dict.fromkeys(_kind(inner, path, definitions) for inner in _shapes(value))
    return _cell(" or ".join(kinds))


def _kind(value: Schema, path: str, definitions: Schema) -> str:
    if "$ref" in value:
        return _link(value, path, definitions)
    if "enum" in value:
        return ", ".join(f"`{item}`" for item in value["enum"])
    if "const" in value:
        return f"`{value['const']}`"
    if "prefixItems" in value:
        return "list of 2 " + _plural(_kind(value["prefixItems"][0], path, definitions))
    if value.get("type") == "array":
        return "list of " + _plural(_kind(value["items"], path, definitions))
    inner = value.get("additionalProperties")
    if isinstance(inner, dict):
        return _keyed(inner, path, definitions)
    return _bounded(value)


def _keyed(inner: Schema, path: str, definitions: Schema) -> str:
    name = _NAMED.get(path.rpartition(".")[2], "NAME" if path.endswith("options") else "TASK")
    if str(inner.get("$ref", "")).endswith("JsonValue"):
        return "keys"
    return f"{name}: {_kind(inner, f'{path}.{name}', definitions)}"


def _link(value: Schema, path: str, definitions: Schema) -> str:
    definition = value["$ref"].rpartition("/")[2]
    if definition == "JsonValue":
        return "anything"
    title = _title(path, definitions[definition])
    return f"[{title.replace('`', '')}](#{_slug(title)})"


def _slug(title: str) -> str:
    kept = "".join(c for c in title.lower() if c.isalnum() or c in " -_")
    return kept.replace(" ", "-")


def _plural(kind: str) -> str:
    return kind.replace("whole number", "whole numbers").replace("text", "texts")


def _bounded(value: Schema) -> str:
    word = "path" if value.get("format") == "path" else _WORDS.get(str(value.get("type")), "any")
    bounds = [
        f"{sign} {value[name]:g}"
        for name, sign in _BOUNDS.items()
        if name in value and value[name] < 2**31
    ]
    return f"{word} {', '.join(bounds)}" if bounds else word


def _default(key: str, value: Schema, required: list[str]) -> str:
    if key in required:
        return "required"
    default = value.get("default")
    if isinstance(default, dict) and default:
        return "see its section"
    if "default" not in value:
        return "depends on other keys"
    return f"`{_as_yaml(default)}`"


def _as_yaml(value: Any) -> str:
    """Returns a default as one would write it in a config."""
    return value if isinstance(value, str) else json.dumps(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
