"""Threads: work that keeps a processor busy, and BLAS in one thread."""

import threading
from contextlib import AbstractContextManager
from functools import cache
from typing import TYPE_CHECKING

from kerastl_runtime.threads import num_processors

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController


def processor_slots() -> threading.Semaphore:
    """Returns a semaphore for work that keeps a processor busy, in more threads than processors."""
    return threading.Semaphore(num_processors())


def one_blas_thread() -> AbstractContextManager[object]:
    """Returns a context in which BLAS uses only the calling thread.

    BLAS threads wait for each other in busy loops. With small products, or beside other programs,
    that takes many times as long as the work itself.
    """
    limit: AbstractContextManager[object] = _controller().limit(limits=1, user_api="blas")
    return limit


@cache
def _controller() -> "ThreadpoolController":
    """Finds the libraries once: it takes milliseconds."""
    import scipy.linalg  # noqa: F401  # loads its BLAS, so that it is found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
