"""The lock of a run in training, so that nobody resumes it meanwhile; it ends with its process."""

import contextlib
import os
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
        if not _lock(file.fileno()):
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
        return not _lock(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Locks a file unless another process has; true as well where files cannot be locked."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
