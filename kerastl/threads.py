"""How many threads linear algebra takes.

Convention: threads of BLAS wait for each other in loops, which costs many times their work where
products are small or other programs run too. Who works in threads of one's own limits BLAS to one.
"""

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController


def one_blas_thread() -> AbstractContextManager[object]:
    """Returns a context in which BLAS works in the calling thread alone."""
    limit: AbstractContextManager[object] = _controller().limit(limits=1, user_api="blas")
    return limit


@cache
def _controller() -> ThreadpoolController:
    """Looks for the libraries once: it costs milliseconds."""
    import scipy.linalg  # noqa: F401  # loads its BLAS, so that it is found

    return ThreadpoolController()
