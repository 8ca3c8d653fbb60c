"""A faster start and end of a command.

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


@contextmanager
def _lean_import() -> Iterator[None]:
    """Imports without collecting garbage and without scikit-learn.

    Keras imports scikit-learn, if it is installed, for wrappers that no command uses. The imported
    objects stay until the end of the process, so they are never traversed again.
    """
    finder = _WithoutSklearn()
    sys.meta_path.insert(0, finder)
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        sys.meta_path.remove(finder)


class _WithoutSklearn:
    """Reports scikit-learn as not installed."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == "sklearn":
            raise ModuleNotFoundError("scikit-learn is not imported with Keras", name=name)
        return None
