"""Who imports whom: the imports of every file, read from its source.

Convention: importing a module from a package counts as an import of the module alone.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = (
    "PIL",
    "h5py",
    "jinja2",
    "keras",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "rich",
    "scipy",
    "sklearn",
    "soundfile",
    "soxr",
    "tensorflow",
    "threadpoolctl",
)


@dataclass(frozen=True, kw_only=True)
class Import:
    """One import of one file.

    Args:
        importer: Module that imports.
        imported: Module that is imported: a file of the project or a package outside of it.
        line: Line number.
        is_deferred: Whether it is inside a function.
        is_for_types: Whether it is under `TYPE_CHECKING`.
    """

    importer: str
    imported: str
    line: int
    is_deferred: bool
    is_for_types: bool


@cache
def packages(root: Path = ROOT) -> dict[str, Path]:
    """Returns the folder of each package by its name."""
    folders = [root / "kerastl", *sorted(root.glob("plugins/*/kerastl_*")), root / "research"]
    return {folder.name: folder for folder in folders}


@cache
def files(root: Path = ROOT) -> Mapping[str, Path]:
    """Returns the file of each module of the project, tests excluded."""
    found = {}
    for folder in packages(root).values():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder.parent).with_suffix("").parts
            if "tests" not in parts:
                found[".".join(parts).removesuffix(".__init__")] = path
    return found


@cache
def imports(root: Path = ROOT) -> tuple[Import, ...]:
    """Returns every import of every module of the project."""
    known = files(root)
    return tuple(
        found for module, path in known.items() for found in _imports_of(module, path, known)
    )


def _imports_of(module: str, path: Path, known: Mapping[str, Path]) -> Iterator[Import]:
    own = {name.partition(".")[0] for name in known}
    for node, is_deferred, is_for_types in _walk(ast.parse(path.read_text()), False, False):
        for name in _names(node, known, own):
            if name != module:
                yield Import(
                    importer=module,
                    imported=name,
                    line=node.lineno,
                    is_deferred=is_deferred,
                    is_for_types=is_for_types,
                )


def _walk(
    node: ast.AST, is_deferred: bool, is_for_types: bool
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, is_deferred, is_for_types
            continue
        in_function = is_deferred or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        for_types = is_for_types or (
            isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
        )
        yield from _walk(child, in_function, for_types)


def _names(
    node: ast.Import | ast.ImportFrom, known: Mapping[str, Path], own: set[str]
) -> Iterator[str]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name if alias.name in known else alias.name.partition(".")[0]
    elif node.module and node.module.partition(".")[0] not in {
        name.partition(".")[0] for name in known
    }:
        yield node.module.partition(".")[0]
    elif node.module:
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            yield inner if inner in known else node.module


def circles(edges: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Returns the groups of modules that import each other in a circle, sorted."""
    after: dict[str, set[str]] = {}
    for importer, imported in edges:
        after.setdefault(importer, set()).add(imported)
    reached = {module: _reachable(module, after) for module in after}
    groups = {
        frozenset(other for other in reached[module] if module in reached.get(other, ()))
        for module in after
        if module in reached[module]
    }
    return sorted(sorted(group) for group in groups)


def _reachable(module: str, after: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = list(after.get(module, ()))
    while waiting:
        found = waiting.pop()
        if found not in seen:
            seen.add(found)
            waiting += after.get(found, ())
    return seen


def heavy_packages(module: str) -> set[str]:
    """Returns the large packages that importing a module loads, directly or through others."""
    return {module, *_reachable(module, _loaded_at_import())}.intersection(HEAVY)


@cache
def _loaded_at_import() -> Mapping[str, set[str]]:
    after = {name: {name.rpartition(".")[0]} - {""} for name in files()}
    for found in imports():
        if not found.is_deferred and not found.is_for_types:
            after[found.importer].add(found.imported)
    return after
