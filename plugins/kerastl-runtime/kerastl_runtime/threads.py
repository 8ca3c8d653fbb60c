"""Threads: how many there are, and tasks whose results come in order."""

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_Result = TypeVar("_Result")


def num_processors() -> int:
    """Returns the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_order(
    tasks: Iterable[Callable[[], _Result]], *, num_ahead: int, num_threads: int | None = None
) -> Iterator[_Result]:
    """Starts tasks in threads at once and returns an iterator over their results, in order.

    `num_ahead` results can wait to be consumed, besides one per thread, of which there is one per
    available processor by default.
    """
    num_threads = num_threads or num_processors()
    pool = ThreadPoolExecutor(num_threads)
    waiting = iter(tasks)
    pending = deque(pool.submit(t) for t in itertools.islice(waiting, num_threads + num_ahead))
    return _drain(pool, pending, waiting)


def _drain(
    pool: ThreadPoolExecutor,
    pending: deque[Future[_Result]],
    waiting: Iterator[Callable[[], _Result]],
) -> Iterator[_Result]:
    try:
        while pending:
            result = pending.popleft().result()
            pending.extend(pool.submit(task) for task in itertools.islice(waiting, 1))
            yield result
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # waiting would fail in one of its threads
