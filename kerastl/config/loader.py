"""Reading a YAML file and overrides into a `Config` and back, with all problems at once."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from kerastl.config.schema import Config
from kerastl.config.strict_yaml import LimitError, read_yaml, syntax_problem, write_yaml
from kerastl.errors import ConfigError, suggestion
from kerastl.settings.locations import key_types
from kerastl.settings.problems import KeyPath, Problem, value_at
from kerastl_runtime.files import require_regular

_KEY = r'(?:"([^"]+)"|([^."]+))'  # part of a dotted key
WEIGHTS_SUFFIXES = (".h5", ".hdf5", ".keras", ".npz", ".pb", ".gz", ".tgz", ".zip", ".pt", ".pth")


def load_config(path: Path | str, overrides: Sequence[str] = ()) -> Config:
    """Reads, completes and checks a config.

    Paths in the file are relative to its folder, paths in overrides to the current folder; in
    the result they are absolute.

    Args:
        path: The YAML file.
        overrides: `KEY=VALUE` each, such as `fit.epochs=3`.

    Raises:
        ConfigError: The file cannot be read, or a key or value in it or in the overrides is
            invalid; all problems are listed, each with the path of its key.

    Example:

    ```python
    config = kerastl.load_config("configs/driving.yaml", ["fit.seed=1"])
    ```
    """
    return Config.parse(**read_config(path, overrides))


def read_config(path: Path | str, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Returns the arguments of `Config.parse` for a file: plain values, problems, and source."""
    raw, problems = _read(Path(path))
    raw = anchor_paths(raw, Path(path).absolute().parent)
    for override in overrides:
        raw, more = apply_override(raw, override, partial(anchor_paths, base=Path.cwd()))
        problems = (*problems, *more)
    where = ", ".join([str(path), *(f"--set {override}" for override in overrides)])
    return {"values": raw, "problems": problems, "where": where}


def parse_config(
    mapping: Mapping[str, Any], *, where: str = "config", base: Path | str = "."
) -> Config:
    """Completes and checks a config given as plain values; relative paths start from `base`."""
    return Config.parse(anchor_paths(mapping, Path(base).absolute()), where=where)


def anchor_paths(raw: Any, base: Path) -> Any:
    """Returns the config with every path in it absolute.

    Paths are the values of keys for files, `backbone.weights` if it is a file, and the path of a
    `backbone.name` such as `run:PATH` or `tfhub:./PATH`. Values that are not text remain as they
    are, and keys may be missing. Relative paths start from `base`.
    """
    for keys, anchor in _ANCHORS.items():
        raw = _replaced(raw, keys, partial(anchor, base=base))
    return raw


def is_weights_file(weights: str) -> bool:
    """Whether `backbone.weights` is a file and not a published name."""
    is_path = weights.startswith("~") or "/" in weights or os.sep in weights
    return is_path or weights.lower().endswith(WEIGHTS_SUFFIXES)


def dump_config(config: Config) -> str:
    """Returns the config as YAML from which `load_config` gives an equal one."""
    return write_yaml(config_values(config))


def config_values(config: Config) -> dict[str, Any]:
    """Returns the config as dict, list and scalars, complete and in the order of the schema."""
    return config.model_dump(mode="json")


def config_schema() -> dict[str, Any]:
    """Returns the JSON Schema of a config file, for editors."""
    schema = Config.model_json_schema(schema_generator=_EditorSchema)
    return {"$schema": _EditorSchema.schema_dialect, **schema}


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


class _EditorSchema(GenerateJsonSchema):
    """Writes unions as `anyOf`: several members may accept a mapping without their keys."""

    def tagged_union_schema(self, schema: Any) -> JsonSchemaValue:
        return {"anyOf": [self.generate_inner(choice) for choice in schema["choices"].values()]}


def _read(path: Path) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    text = _read_text(path)
    try:
        value, problems = read_yaml(text)
    except yaml.YAMLError as error:
        what = "too large" if isinstance(error, LimitError) else "not valid YAML"
        raise ConfigError(
            f"The config is {what}.", where=str(path), received=syntax_problem(error)
        ) from None
    if value is None:
        fix = "`kerastl config init` writes one to start from."
        raise ConfigError("The config is empty.", where=str(path), fix=fix)
    if not isinstance(value, dict):
        expected = "keys with values, such as data:"
        raise ConfigError("The config is not a mapping.", where=str(path), expected=expected)
    return value, problems


def _read_text(path: Path) -> str:
    try:
        require_regular(path)
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        files = path.parent.glob("*") if path.parent.is_dir() else ()
        nearest = suggestion(
            path.name, sorted(file.name for file in files if file.suffix in (".yaml", ".yml"))
        )
        raise ConfigError(
            f"The config '{path}' does not exist.",
            fix=nearest or f"`kerastl config init {path}` writes one to start from.",
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            "The config cannot be read.",
            where=str(path),
            expected="text in UTF-8",
            received=f"byte 0x{error.object[error.start]:02x} at position {error.start}",
        ) from None
    except OSError as error:
        raise ConfigError(
            "The config cannot be read.", where=str(path), received=error.strerror or str(error)
        ) from None


def _replaced(raw: Any, keys: KeyPath, replace: Callable[[Any], Any]) -> Any:
    """Returns nested mappings with another value at a path of keys, if they have it."""
    if not keys:
        return replace(raw)
    if not isinstance(raw, Mapping) or keys[0] not in raw:
        return raw
    return {**raw, keys[0]: _replaced(raw[keys[0]], keys[1:], replace)}


def _files(files: Any, base: Path) -> Any:
    if isinstance(files, list | tuple):
        return [_files(one, base) for one in files]
    return _absolute(str(files), base) if isinstance(files, str | Path) and str(files) else files


def _weights(weights: Any, base: Path) -> Any:
    is_file = isinstance(weights, str | Path) and is_weights_file(str(weights))
    return _files(weights, base) if is_file else weights


def _name(name: Any, base: Path) -> Any:
    if isinstance(name, list | tuple):
        return [_name(one, base) for one in name]
    if isinstance(name, Mapping):
        named = _replaced(name, ("name",), partial(_name, base=base))
        return _replaced(named, ("weights",), partial(_weights, base=base))
    if not isinstance(name, str):
        return name
    family, _, path = name.partition(":")
    is_path = family in ("run", "onnx") or path.startswith((".", "/", "~"))
    return f"{family}:{_absolute(path, base)}" if is_path and path else name


def _absolute(path: str, base: Path) -> str:
    return os.path.abspath(base / Path(path).expanduser())  # noqa: PTH100 - resolve() would follow links


def _is_for_files(annotation: Any) -> bool:
    return annotation is Path or any(_is_for_files(inner) for inner in get_args(annotation))


_ANCHORS: dict[KeyPath, Callable[..., Any]] = {
    **{keys: _files for keys, kind in key_types(Config).items() if _is_for_files(kind)},
    ("backbone", "weights"): _weights,
    ("backbone", "name"): _name,
}
