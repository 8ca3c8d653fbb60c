"""Tasks in threads give their results in order, and can be abandoned."""

import threading
import time
from collections.abc import Iterator

from kerastl_runtime.threads import in_order


def test_results_come_in_the_order_of_the_tasks() -> None:
    def task(number: int) -> int:
        time.sleep(0.002 * (5 - number))
        return number

    tasks = [lambda number=number: task(number) for number in range(5)]
    assert list(in_order(tasks, num_ahead=2, num_threads=3)) == list(range(5))


def test_an_iterator_can_be_closed_in_one_of_its_own_threads() -> None:
    """The garbage collector closes abandoned iterators in whichever thread it happens to run."""
    started, closed = threading.Event(), threading.Event()
    results: Iterator[None]

    def close() -> None:
        started.wait()
        results.close()
        closed.set()

    results = in_order([lambda: None, close], num_ahead=1, num_threads=1)
    next(results)
    started.set()
    assert closed.wait(timeout=10)
