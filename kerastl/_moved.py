"""Old import paths, which keep working for one release with a `DeprecationWarning`.

Convention: a line of `moved_paths.txt` is a path of version 0.1, `module` or `module:name`, and the
current one. A module below a moved package needs no line of its own if its name is the same.
"""

import importlib
import sys
import warnings
from collections.abc import Sequence
from functools import partial
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

_LINES = Path(__file__).with_name("moved_paths.txt").read_text("utf-8").splitlines()
PATHS: dict[str, str] = dict(line.split() for line in _LINES)
_WITH_MOVED_NAMES = {old.partition(":")[0] for old in PATHS if ":" in old}


def new_path(module: str) -> str | None:
    """Returns the current path of a moved module, or None if it has not moved."""
    old, rest = module, ""
    while old:
        if old in PATHS:
            return PATHS[old] + rest
        old, _, last = old.rpartition(".")
        rest = f".{last}{rest}"
    return None


class MovedModules:
    """Finds the modules that have moved, and the names that have moved out of a module."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if new := new_path(fullname):
            loader: Any = _MovedModule(new)  # importlib.abc would take as long as all else here
            return ModuleSpec(fullname, loader, is_package=True)
        if fullname in _WITH_MOVED_NAMES:
            spec = PathFinder.find_spec(fullname, path)
            if spec and spec.origin:
                spec.loader = _ModuleWithMovedNames(fullname, spec.origin)
            return spec
        return None


class _MovedModule:
    """Gives an old path the contents of the module at the new one."""

    def __init__(self, new: str) -> None:
        self._new = new

    def create_module(self, spec: ModuleSpec) -> None:
        """Lets Python make the module."""

    def exec_module(self, module: ModuleType) -> None:
        _warn(module.__name__, self._new)
        contents = vars(importlib.import_module(self._new))
        vars(module).update({n: value for n, value in contents.items() if not n.startswith("__")})
        vars(module)["__getattr__"] = partial(_moved_name, module.__name__)


class _ModuleWithMovedNames(SourceFileLoader):
    """Loads a module from its file and adds the names that have moved out of it."""

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        vars(module)["__getattr__"] = partial(_moved_name, module.__name__)


def _moved_name(module: str, name: str) -> Any:
    path = PATHS.get(f"{module}:{name}")
    if path is None:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    new_module, _, new_name = path.partition(":")
    _warn(f"{module}.{name}", f"{new_module}.{new_name}")
    return getattr(importlib.import_module(new_module), new_name)


def _warn(old: str, new: str) -> None:
    warnings.warn(
        f"{old} has moved to {new}. The old path will be removed in the next release.",
        DeprecationWarning,
        stacklevel=3,
    )


def install() -> None:
    """Makes old import paths work; calling it again changes nothing."""
    if not any(isinstance(finder, MovedModules) for finder in sys.meta_path):
        sys.meta_path.insert(0, MovedModules())
