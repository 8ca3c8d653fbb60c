"""The lock of a run in training, so that nobody resumes it meanwhile; it ends with its process."""

import contextlib
import os
import time
from collections.abc import Iterator

from kerastl.errors import RunError
from kerastl.run.layout import RunLayout

try:
    import fcntl
except ImportError:  # not on Windows, where runs are not locked
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def training_lock(layout: RunLayout) -> Iterator[None]:
    """Locks a run until the end of the block.

    Raises:
        RunError: Another process trains it.
    """
    layout.state.mkdir(parents=True, exist_ok=True)
    with layout.lock.open("ab") as file:
        if not any(_lock(file.fileno(), exclusive=True) for _ in _patiently()):
            raise RunError(
                f"The run '{layout.folder}' is in training.",
                where=str(layout.folder),
                fix="Wait for the process that trains it, or stop it, and resume the run then.",
            )
        yield


def is_in_training(layout: RunLayout) -> bool:
    """Whether a process trains the run."""
    try:
        descriptor = os.open(layout.lock, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _lock(descriptor, exclusive=False)
    finally:
        os.close(descriptor)


def _patiently() -> Iterator[None]:
    """Yields several times within a second, because who asks about a run locks it for a moment."""
    for _ in range(10):
        yield
        time.sleep(0.1)


def _lock(descriptor: int, *, exclusive: bool) -> bool:
    """Locks a file unless another process has; true as well where files cannot be locked."""
    if fcntl is None:
        return True
    kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
