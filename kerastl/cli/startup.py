"""A faster start and end of a command, and imports that leave out what no command needs.

Convention: only processes of the command line are changed, not programs that import kerastl.
"""

import atexit
import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType

from kerastl.cli.import_hooks import import_within


def save_startup_time() -> None:
    """Makes the import of Keras faster, and the garbage collector run less often.

    Python's garbage collector would traverse TensorFlow's million objects again and again.
    """
    gc.set_threshold(50_000, 20, 20)
    atexit.register(gc.freeze)
    import_within("keras", _lean_import)
    # OpenVINO would report each import with it, and NNCF each call.
    sys.meta_path.insert(0, _Missing("openvino_telemetry"))


@contextmanager
def _lean_import() -> Iterator[None]:
    """Imports without collecting garbage and without scikit-learn.

    Keras imports scikit-learn, if it is installed, for wrappers that no command uses. The imported
    objects stay until the end of the process, so they are never traversed again.
    """
    gc.disable()
    try:
        with _without("sklearn"):
            yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def _without(package: str) -> Iterator[None]:
    finder = _Missing(package)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Missing:
    """Reports a package as not installed."""

    def __init__(self, package: str):
        self._package = package

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == self._package:
            raise ModuleNotFoundError(f"{name} is left out", name=name)
        return None
