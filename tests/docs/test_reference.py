"""The generated reference is what the code says, and complete."""

import ast
import subprocess
import sys
from pathlib import Path

import click
import pytest
from generator import api, cli, config, docstrings, errors

import kerastl
from kerastl.config import config_schema


def test_the_reference_is_fresh(root: Path) -> None:
    result = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=root, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def api_page() -> str:
    return api.page()


@pytest.mark.parametrize("name", kerastl.__all__)
def test_every_public_name_is_in_the_python_reference(name: str, api_page: str) -> None:
    assert f"# kerastl.{name}\n" in api_page


@pytest.mark.parametrize("module", ["losses", "metrics", "layers"])
def test_every_name_of_a_public_module_is_in_the_python_reference(
    module: str, api_page: str
) -> None:
    names = public_names(ast.parse(api._source(f"kerastl.{module}")))
    assert names
    assert [name for name in names if f"### kerastl.{module}.{name}\n" not in api_page] == []


def public_names(module: ast.Module) -> list[str]:
    for node in module.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    defined = [n.name for n in module.body if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    return [name for name in defined if not name.startswith("_")]


def entries() -> list[tuple[str, ast.FunctionDef | ast.ClassDef]]:
    return [
        (found.title, found.node)
        for title, _, names in api._SECTIONS.values()
        for found in (api._find(title, name) for name in names)
    ]


@pytest.mark.parametrize(("name", "node"), entries(), ids=[name for name, _ in entries()])
def test_every_argument_of_a_public_name_is_explained(
    name: str, node: ast.FunctionDef | ast.ClassDef
) -> None:
    documented = docstrings.to_markdown(ast.get_docstring(node) or "")
    arguments = {
        text.lstrip("*").partition(":")[0].partition("=")[0] for text in api._arguments(node)
    } - {"", "reduction", "dtype", "kwargs"}
    assert documented
    assert [
        name for name in sorted(arguments) if f"`{name}`: " not in documented.replace("**", "")
    ] == []


def test_every_key_of_the_config_is_in_its_reference() -> None:
    page, schema = config.page(), config_schema()
    keys = {
        key for part in (schema, *schema["$defs"].values()) for key in part.get("properties", {})
    }
    assert {key for key in keys if f"| `{key}` |" not in page} == set()


def test_every_command_and_option_is_in_the_reference() -> None:
    page = cli.page()
    for context in cli.commands():
        _, _, section = page.partition(f"## {context.command_path}\n")
        options = [p for p in context.command.params if isinstance(p, click.Option)]
        assert section
        assert [o.opts[0] for o in options if o.opts[0] not in section.split("\n## ")[0]] == []


def test_every_error_is_in_the_reference() -> None:
    page = errors.page()
    runtime = Path(__file__).parents[2] / "plugins/kerastl-runtime/kerastl_runtime/errors.py"
    sources = (api._source("kerastl.errors"), runtime.read_text(encoding="utf-8"))
    names = [one for source in sources for one in public_names(ast.parse(source))]
    classes = [name for name in names if name.endswith("Error")]
    assert "RunError" in classes
    assert [name for name in classes if f"`{name}`" not in page] == []


def test_a_docstring_becomes_markdown() -> None:
    docstring = "Does.\n\nArgs:\n    a: One\n        more.\n    b: Two.\n\nReturns:\n    A thing.\n"
    assert docstrings.to_markdown(docstring) == (
        "Does.\n\nArgs:\n\n- `a`: One\n  more.\n- `b`: Two.\n\nReturns: A thing."
    )
