"""Shell completion of backbones, runs and config keys, by Click's mechanism.

Convention: candidates are found without importing Keras, TensorFlow or pandas.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from click import shell_completion
from click.shell_completion import BashComplete, CompletionItem

from kerastl.backbones import list_backbones

_RUN_FILES = ("config.yaml", "splits.csv")  # of every run, finished or not
_RUN_DEPTH = 3  # such as demo/driving/run
_ANY_RUN = "run:"


def backbones(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Completes the identifier of a backbone, `run:` of a folder included."""
    if incomplete.startswith(_ANY_RUN):
        return [_ANY_RUN + run for run in _runs(incomplete.removeprefix(_ANY_RUN))]
    return _beginning(incomplete, [*list_backbones(), _ANY_RUN])


def runs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Completes the folder of a run; lets the shell complete folders if none is near."""
    found = [CompletionItem(run) for run in _runs(incomplete)]
    return found or [CompletionItem(incomplete, type="dir")]


def config_keys(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Completes KEY=VALUE: the keys of a config, and the values of those that have a few."""
    key, equals, value = incomplete.partition("=")
    if equals and key == "backbone.name":
        return [f"{key}={name}" for name in backbones(ctx, param, value)]
    keys = _choices_by_key()
    if equals:
        return [f"{key}={choice}" for choice in _beginning(value, keys.get(key, []))]
    return [f"{name}=" for name in _beginning(key, keys)]


set_option = click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    multiple=True,
    shell_complete=config_keys,
    help="Change a key of the config.",
)


def _runs(incomplete: str) -> list[str]:
    folder = Path(incomplete) if incomplete.endswith("/") else Path(incomplete).parent
    first, second = _RUN_FILES
    found = {
        path.parent
        for depth in range(1, _RUN_DEPTH + 1)
        for path in folder.glob("[!.]*/" * depth + first)
        if path.with_name(second).is_file()
    }
    return _beginning(incomplete, sorted(map(str, found)))


def _beginning(text: str, candidates: Iterable[str]) -> list[str]:
    return [candidate for candidate in candidates if candidate.startswith(text)]


def _choices_by_key() -> dict[str, list[str]]:
    """Returns every dotted key of a config, with its values if it has a few."""
    from kerastl.config import config_schema

    schema, keys = config_schema(), defaultdict[str, list[str]](list)
    for key, choices in _keys(schema, schema["$defs"]):
        keys[key] += [choice for choice in choices if choice not in keys[key]]
    return dict(keys)


def _keys(
    schema: Mapping[str, Any], parts: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, list[str]]]:
    for name, value in schema.get("properties", {}).items():
        kinds = list(_kinds(value, parts))
        sections = [kind for kind in kinds if "properties" in kind]
        if len(sections) < len(kinds):
            yield f"{prefix}{name}", [choice for kind in kinds for choice in _choices(kind)]
        for section in sections:
            yield from _keys(section, parts, f"{prefix}{name}.")


def _kinds(value: Mapping[str, Any], parts: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yields the alternatives of a schema, with references resolved."""
    if "$ref" in value:
        yield from _kinds(parts[value["$ref"].rpartition("/")[2]], parts)
    elif alternatives := value.get("anyOf") or value.get("oneOf"):
        for alternative in alternatives:
            yield from _kinds(alternative, parts)
    else:
        yield value


def _choices(kind: Mapping[str, Any]) -> list[str]:
    if kind.get("type") == "boolean" and "const" not in kind:
        return ["false", "true"]
    values = [kind["const"]] if "const" in kind else kind.get("enum", [])
    return [str(value).lower() if isinstance(value, bool) else str(value) for value in values]


class _Bash(BashComplete):
    """Completion in bash, which splits words at colons and equals signs."""

    source_template = BashComplete.source_template.replace(
        "    return 0\n",
        "    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[=:] ]] && compopt -o nospace\n"
        "    return 0\n",
    )

    def get_completion_args(self) -> tuple[list[str], str]:
        """Returns the words before the cursor, and the incomplete one, as they were typed."""
        words = shell_completion.split_arg_string(os.environ["COMP_WORDS"])
        count = int(os.environ["COMP_CWORD"]) + 1
        typed = words[:count] + [""] * (count - len(words))
        *args, incomplete = re.sub(r"\n([:=]+)(\n|$)", r"\1", "\n".join(typed)).split("\n")[1:]
        return args, incomplete

    def format_completion(self, item: CompletionItem) -> str:
        """Returns what bash inserts: the part of a candidate after the last separator."""
        _, incomplete = self.get_completion_args()
        begin = max(incomplete.rfind(":"), incomplete.rfind("=")) + 1
        return f"{item.type},{item.value[begin:]}"


def register() -> None:
    """Makes Click use this module's completion in bash; other shells need nothing."""
    shell_completion.add_completion_class(_Bash, "bash")
