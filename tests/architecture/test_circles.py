"""No two files import each other in a circle, and the contract that says so works."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from import_graph import ROOT, circles, files, imports


def test_no_two_files_import_each_other_in_a_circle() -> None:
    """Imports inside functions and under `TYPE_CHECKING` count."""
    assert circles((each.importer, each.imported) for each in imports()) == []


def test_a_circle_is_found() -> None:
    edges = [("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("e", "f"), ("f", "e"), ("g", "a")]
    assert circles(edges) == [["a", "b", "c"], ["e", "f"]]


def test_the_graph_covers_the_package_the_plugins_and_research() -> None:
    known = {name.partition(".")[0] for name in files()}
    plugins = {path.parent.name for path in ROOT.glob("plugins/*/kerastl_*/__init__.py")}
    assert known == {"kerastl", "research", *plugins}


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copied")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "kerastl", folder / "kerastl", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def lint_imports(folder: Path) -> str:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return f"exit {result.returncode}\n{result.stdout}{result.stderr}"


def with_line(path: Path, line: str) -> str:
    """Adds an import for types at the end of a file and returns the file's former text."""
    text = path.read_text()
    path.write_text(f"{text}\nif TYPE_CHECKING:\n    {line}\n")
    return text


def test_the_contracts_hold(copied: Path) -> None:
    assert "exit 0" in lint_imports(copied)


@pytest.mark.parametrize(
    ("file", "line", "message"),
    [
        (
            "metrics/ratio.py",
            "from kerastl.metrics.auc import MaskedAUC",
            "No cycles are allowed in kerastl.metrics.",
        ),
        (
            "masking.py",
            "from kerastl.losses import MaskedBinaryCrossentropy",
            "No cycles are allowed in kerastl.",
        ),
        (
            "masking.py",
            "from kerastl.evaluation.ranking import roc_auc",
            "kerastl.masking is not allowed to import kerastl.evaluation",
        ),
    ],
)
def test_the_contracts_break_with_one_import_for_types_too_many(
    copied: Path, file: str, line: str, message: str
) -> None:
    path = copied / "kerastl" / file
    text = with_line(path, line)
    try:
        output = lint_imports(copied)
    finally:
        path.write_text(text)
    assert "exit 1" in output
    assert message in output
