"""Imports of a package within a context, in whichever command and place they happen."""

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType

Context = Callable[[], AbstractContextManager[None]]


def import_within(package: str, context: Context) -> None:
    """Lets a package be imported within a context from now on."""
    sys.meta_path.insert(0, _Finder(package, context))


class _Finder:
    """Finds one package like Python itself, but with a loader that enters the context."""

    def __init__(self, package: str, context: Context):
        self._package = package
        self._context = context

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != self._package:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
            spec.loader.context = self._context
        return spec


class _Loader(SourceFileLoader):
    context: Context

    def exec_module(self, module: ModuleType) -> None:
        with self.context():
            super().exec_module(module)
