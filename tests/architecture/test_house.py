"""The rules of the house that no linter knows."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST_MODULE = 300
PACKAGES = [ROOT / "kerastl", *sorted(ROOT.glob("plugins/*/kerastl_*"))]
OPEN_TO_PLUGINS = ("kerastl.backbones", "kerastl.data.importing", "kerastl.run.executors")
RUNTIME = "kerastl_runtime"  # which kerastl is built on
PLUGIN_PACKAGES = [path for path in PACKAGES[1:] if path.name != RUNTIME]


def modules(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("package", PLUGIN_PACKAGES, ids=lambda path: path.name)
def test_a_plugin_imports_one_package_of_kerastl(package: Path) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in modules(package)
        for name in imports(path)
        if name.partition(".")[0] == "kerastl" and not name.startswith(OPEN_TO_PLUGINS)
    ]
    assert wrong == []


def test_the_runtime_imports_nothing_of_kerastl() -> None:
    (package,) = (path for path in PACKAGES if path.name == RUNTIME)
    allowed = {*sys.stdlib_module_names, RUNTIME, "numpy", "PIL", "soundfile", "soxr", "pydicom"}
    engines = {"onnxruntime", "openvino", "ai_edge_litert"}
    used = {name.partition(".")[0] for path in modules(package) for name in imports(path)}
    assert used <= allowed | engines


def test_no_module_outgrows_its_room() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in modules(*PACKAGES)
        if (lines := len(path.read_text().splitlines())) > LONGEST_MODULE
    }
    assert long == {}


def test_every_module_says_in_one_line_what_it_is() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in modules(*PACKAGES)
        if path.read_text().strip() and not (ast.get_docstring(ast.parse(path.read_text())) or "")
    ]
    assert silent == []


def test_nothing_private_of_keras_is_imported() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in modules(*PACKAGES)
        for name in imports(path)
        if name.startswith(("keras.src", "tensorflow.keras"))
    ]
    assert wrong == []


def test_private_attributes_of_keras_are_used_only_where_graphs_are_walked() -> None:
    """A private attribute that no class or module of ours defines belongs to somebody else."""
    trees = {path: ast.parse(path.read_text()) for path in modules(*PACKAGES)}
    own = {name for tree in trees.values() for name in private_definitions(tree)}
    used = {
        f"{path.relative_to(ROOT)}: {node.attr}"
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and is_private(node.attr) and node.attr not in own
    }
    used |= {
        f"{path.relative_to(ROOT)}: {node.args[1].value}"
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("getattr", "hasattr", "setattr")
        and isinstance(node.args[1], ast.Constant)
        and is_private(node.args[1].value)
    }
    wiring = "kerastl/backbones/wiring.py"
    walked = ("_flatten_layers", "_functional", "_nodes_by_depth")
    assert used == {f"{wiring}: {name}" for name in walked}


def private_definitions(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def test_below_the_plan_of_a_training_nothing_takes_a_whole_config() -> None:
    """They take the sections or the phases that they use."""
    rooms = ("backbones", "data", "evaluation", "features", "heads", "media", "metrics", "training")
    found = {
        path.relative_to(ROOT / "kerastl").as_posix()
        for path in modules(*(ROOT / "kerastl" / room for room in rooms))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kerastl.config")
        if "Config" in {alias.name for alias in node.names}
    }
    assert found == {"training/plan.py"}


def test_only_the_command_line_prints_and_exits() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in modules(*PACKAGES)
        if "cli" not in path.parts and path.name != "command.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "exit", "sys.exit")
    ]
    assert wrong == []


def test_nothing_that_is_committed_holds_a_path_of_one_machine() -> None:
    found = subprocess.run(
        ["git", "grep", "-lE", r"(^|[^.\w])/(work|root)/\w", "--", ".", ":!*.ipynb"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode == 128:
        pytest.skip("this isn't a Git checkout")
    assert [
        name for name in found.stdout.splitlines() if name != "tests/architecture/test_house.py"
    ] == []
