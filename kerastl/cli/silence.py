"""Silence for TensorFlow, so that only kerastl speaks on standard error.

TensorFlow writes its log from native code to file descriptor 2, and while it is imported it ignores
`TF_CPP_MIN_LOG_LEVEL`. The descriptor is therefore redirected during the import, in whichever
command and place it happens.
"""

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from kerastl.cli.import_hooks import import_within

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_VERBOSE = ("0", "1")  # information and warnings; 2 and 3 ask for less
_STDERR = 2


def silence_tensorflow() -> None:
    """Hides TensorFlow's log from now on, unless `TF_CPP_MIN_LOG_LEVEL` is 0 or 1.

    If TensorFlow cannot be imported, what it wrote is shown.
    """
    if os.environ.get(_LEVEL) in _VERBOSE:
        return
    os.environ[_LEVEL] = "3"  # for the messages after the import
    import_within("tensorflow", _silent_import)


@contextmanager
def _silent_import() -> Iterator[None]:
    with withheld_stderr():
        yield
    for name in ("tensorflow", "absl"):  # they warn about many short trainings, for example
        logging.getLogger(name).setLevel(logging.ERROR)


@contextmanager
def withheld_stderr() -> Iterator[None]:
    """Withholds what is written to file descriptor 2, and writes it there after an exception.

    Nothing is withheld if there is no standard error or no place for a temporary file.
    """
    try:
        real, withheld = os.dup(_STDERR), tempfile.TemporaryFile()  # noqa: SIM115 - closed below
    except OSError:
        yield
        return
    with withheld:
        _point_stderr(withheld.fileno())
        try:
            yield
        except Exception:
            _point_stderr(real)
            withheld.seek(0)
            os.write(_STDERR, withheld.read())
            raise
        finally:
            _point_stderr(real)
            os.close(real)


def _point_stderr(descriptor: int) -> None:
    """Flushes Python's standard error and makes file descriptor 2 a copy of another one."""
    if sys.stderr is not None:
        sys.stderr.flush()
    os.dup2(descriptor, _STDERR)
