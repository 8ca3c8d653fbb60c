"""The Python reference: signatures and docstrings of the public names, read from the source."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import kerastl
from generator.docstrings import to_markdown

_PACKAGE = Path(kerastl.__file__).parent
_WIDTH = 88
_HEAD = """\
# Python

All public names. `import kerastl` is cheap: each name imports what it needs when it is first
used.
"""
_SECTIONS = {
    "kerastl": (
        "kerastl",
        "The functions behind the command line, and functions for building models in Keras code.",
        tuple(name for name in kerastl.__all__ if name not in ("layers", "losses", "metrics")),
    ),
    "results": (
        "Return types",
        "",
        ("runs:Run", "data.api:Data"),
    ),
    "losses": ("kerastl.losses", "", ("losses:MaskedBinaryCrossentropy", "losses:check_labels")),
    "metrics": (
        "kerastl.metrics",
        "Use one object per output of a model. Undefined values are NaN, never 0.",
        tuple(
            f"metrics:{name}"
            for name in (
                "MaskedAUC",
                "MaskedBinaryAccuracy",
                "MaskedLogLoss",
                "MaskedPrecision",
                "MaskedRecall",
            )
        ),
    ),
    "layers": (
        "kerastl.layers",
        "The layers in a saved model. Import this module before `keras.models.load_model`.",
        (
            "layers:Backbone",
            "layers:FitImages",
            "layers:LogMel",
            "layers:Probabilities",
            "layers:ResizeImages",
        ),
    ),
    "backbones": (
        "kerastl.backbones",
        "For authors of plugins. A plugin imports only this package of kerastl.",
        tuple(
            f"backbones:{name}"
            for name in (
                "BackboneSpec",
                "ImageInput",
                "AudioInput",
                "Stage",
                "Family",
                "check_options",
                "unknown_backbone",
                "stages_by_resolution",
            )
        ),
    ),
}

Definition = ast.FunctionDef | ast.ClassDef


@dataclass(frozen=True)
class _Found:
    """A public name, its definition, the one that has its arguments, and its docstring."""

    title: str
    node: Definition
    called: Definition
    docstring: str


def page() -> str:
    """Returns the page."""
    return "\n".join([_HEAD, *(_section(*section) for section in _SECTIONS.values())])


def _section(title: str, text: str, names: tuple[str, ...]) -> str:
    entries = [_entry(_find(title, name)) for name in names]
    return "\n".join([f"## {title}\n", *([f"{text}\n"] if text else []), *entries])


def _find(section: str, name: str) -> _Found:
    module, _, plain = name.rpartition(":")
    home = f"kerastl.{module}" if module else kerastl._HOMES[name]
    shown = section if section.startswith("kerastl") else home
    node = definition(home, plain)
    found = getattr(importlib.import_module(home), plain)
    # A class without a constructor of its own takes the arguments of a base, as some metrics do.
    base = next((c for c in getattr(found, "__mro__", ()) if "__init__" in vars(c)), found)
    is_inherited = base is not found and base.__module__.startswith("kerastl.")
    called = definition(base.__module__, base.__name__) if is_inherited else node
    return _Found(f"{shown}.{plain}", node, called, inspect.getdoc(found) or "")


def definition(module: str, name: str) -> Definition:
    """Returns the definition of a name that a module defines or re-exports."""
    for node in ast.walk(ast.parse(_source(module))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            return node
        if isinstance(node, ast.ImportFrom) and any(part.name == name for part in node.names):
            return definition(str(node.module), name)
    raise LookupError(f"{module} has no {name}")


def _source(module: str) -> str:
    path = _PACKAGE.joinpath(*module.split(".")[1:])
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return file.read_text(encoding="utf-8")


def _entry(found: _Found) -> str:
    node = found.node
    parts = [f"### {found.title}", f"```python\n{signature(found.called, found.title)}\n```"]
    parts.append(to_markdown(found.docstring))
    parts.extend(_member(member) for member in _members(node))
    return "\n\n".join(parts) + "\n"


def _members(node: Definition) -> Iterator[ast.FunctionDef]:
    """Yields the documented methods and properties of a class."""
    for member in node.body if isinstance(node, ast.ClassDef) else ():
        is_function = isinstance(member, ast.FunctionDef)
        if is_function and not member.name.startswith("_") and ast.get_docstring(member):
            yield member


def _member(node: ast.FunctionDef) -> str:
    text = to_markdown(ast.get_docstring(node) or "")
    if _decorated(node, "property", "cached_property"):
        return f"**`{node.name}`**: {text}"
    if _decorated(node, "setter"):
        return ""
    return f"```python\n{signature(node, node.name)}\n```\n\n{text}"


def _decorated(node: ast.FunctionDef, *names: str) -> bool:
    return any(
        ast.unparse(decorator).rpartition(".")[2] in names for decorator in node.decorator_list
    )


def signature(node: Definition, name: str) -> str:
    """Returns the call signature of a function or class, one argument per line if it is long."""
    arguments = _arguments(node)
    returns = (
        "" if isinstance(node, ast.ClassDef) or node.returns is None else ast.unparse(node.returns)
    )
    arrow = f" -> {returns}".replace("'", "") if returns and returns != "None" else ""
    line = f"{name}({', '.join(arguments)}){arrow}"
    if len(line) <= _WIDTH:
        return line
    inner = "".join(f"    {argument},\n" for argument in arguments)
    return f"{name}(\n{inner}){arrow}"


def _arguments(node: Definition) -> list[str]:
    if isinstance(node, ast.FunctionDef):
        return _of_function(node.args)
    constructor = next((m for m in node.body if getattr(m, "name", "") == "__init__"), None)
    if isinstance(constructor, ast.FunctionDef):
        return _of_function(constructor.args)
    fields = [
        field
        for field in node.body
        if isinstance(field, ast.AnnAssign) and "ClassVar" not in ast.unparse(field.annotation)
    ]
    return ["*", *(ast.unparse(field) for field in fields)] if _is_keyword_only(node) else []


def _is_keyword_only(node: ast.ClassDef) -> bool:
    return any("kw_only=True" in ast.unparse(decorator) for decorator in node.decorator_list)


def _of_function(arguments: ast.arguments) -> list[str]:
    plain = [_argument(argument) for argument in (*arguments.posonlyargs, *arguments.args)]
    for index, default in enumerate(reversed(arguments.defaults), start=1):
        plain[-index] = _with_default(plain[-index], default)
    plain = [text for text in plain if text not in ("self", "cls")]
    if arguments.vararg:
        plain.append(f"*{_argument(arguments.vararg)}")
    elif arguments.kwonlyargs:
        plain.append("*")
    for argument, given in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        text = _argument(argument)
        plain.append(text if given is None else _with_default(text, given))
    return [*plain, f"**{_argument(arguments.kwarg)}"] if arguments.kwarg else plain


def _argument(argument: ast.arg) -> str:
    if argument.annotation is None:
        return argument.arg
    return f"{argument.arg}: {ast.unparse(argument.annotation)}"


def _with_default(text: str, default: ast.expr) -> str:
    value = ast.unparse(default).replace("'", '"')
    return f"{text} = {value}" if ":" in text else f"{text}={value}"
