"""Files and functions that the architecture page names exist."""

import ast
import re
from pathlib import Path

import pytest
from manual_pages import ROOT, text_of

PAGE = Path("docs/explanation/architecture.md")
RUNTIME = "kerastl_runtime/"  # a package in its folder of plugins
STEP = re.compile(r"`(?P<path>[\w/.-]+\.py):(?P<name>[\w.]+)`")
PLACE = re.compile(r"`(?P<path>(?:kerastl|research|benchmarks|plugins|tests)(?:/[\w.-]+)*)`")
DRAWING = re.compile(r"^```text\n(?P<text>.*?)^```$", re.M | re.S)


def places() -> list[str]:
    return sorted({match["path"] for match in PLACE.finditer(text_of(PAGE))})


def steps() -> list[tuple[str, str]]:
    return sorted({(match["path"], match["name"]) for match in STEP.finditer(text_of(PAGE))})


@pytest.mark.parametrize("path", places())
def test_a_place_on_the_architecture_page_exists(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize(("path", "name"), steps())
def test_a_function_on_the_architecture_page_is_defined_in_its_file(path: str, name: str) -> None:
    root = ROOT / "plugins/kerastl-runtime" if path.startswith(RUNTIME) else ROOT
    body = ast.parse((root / path).read_text(encoding="utf-8")).body
    for part in name.split("."):
        found = [
            node
            for node in body
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == part
        ]
        assert found, f"{path} doesn't define {name}"
        body = found[0].body


def test_the_drawing_of_the_architecture_page_shows_every_package_and_module() -> None:
    (drawing,) = (match["text"] for match in DRAWING.finditer(text_of(PAGE)))
    words = set(re.findall(r"\w+", drawing))
    top_level = {path.stem for path in (ROOT / "kerastl").iterdir() if is_shown(path)}
    assert top_level - words == set()


def is_shown(path: Path) -> bool:
    is_package = path.is_dir() and (path / "__init__.py").exists()
    return is_package or (path.suffix == ".py" and not path.stem.startswith("_"))
