"""Dynamic batching: what waits together is computed together, and nobody waits for long."""

import asyncio
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from kerastl.serving.batching import Batcher


class Scorer:
    """Doubles its inputs; remembers the sizes of batches, and waits for `gate` if it is closed."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, examples: Sequence[np.ndarray]) -> np.ndarray:
        self.gate.wait(10)
        self.sizes.append(len(examples))
        if any(np.isnan(one).any() for one in examples):
            raise ArithmeticError("a defect")
        return np.stack([2 * one for one in examples])


def run(scorer: Scorer, work: Any, **settings: Any) -> Any:
    """Runs `work(batcher)` beside the batcher."""

    async def both() -> Any:
        batcher = Batcher(scorer, **{"max_batch": 4, "max_wait_seconds": 0.05, **settings})
        task = asyncio.create_task(batcher.run())
        try:
            return await asyncio.wait_for(work(batcher), 20)
        finally:
            task.cancel()

    return asyncio.run(both())


def example(value: float) -> np.ndarray:
    return np.array([value])


def test_requests_that_come_together_are_one_batch_and_each_gets_its_own_answer() -> None:
    async def work(batcher: Batcher) -> Any:
        return await asyncio.gather(*(batcher.score([example(n)]) for n in range(4)))

    scorer = Scorer()
    assert [float(one[0, 0]) for one in run(scorer, work)] == [0, 2, 4, 6]
    assert scorer.sizes == [4]


def test_an_example_waits_no_longer_than_the_limit() -> None:
    async def work(batcher: Batcher) -> float:
        started = time.monotonic()
        await batcher.score([example(1)])
        return time.monotonic() - started

    assert run(Scorer(), work, max_wait_seconds=0.2) == pytest.approx(0.2, abs=0.15)
    assert run(Scorer(), work, max_wait_seconds=0) < 0.15


def test_a_batch_has_at_most_as_many_examples_as_allowed() -> None:
    scorer = Scorer()

    async def work(batcher: Batcher) -> Any:
        return await batcher.score([example(n) for n in range(10)])

    assert run(scorer, work)[:, 0].tolist() == [2 * n for n in range(10)]
    assert scorer.sizes == [4, 4, 2]


def test_while_a_batch_is_computed_the_next_one_fills() -> None:
    scorer = Scorer()

    async def work(batcher: Batcher) -> None:
        scorer.gate.clear()
        first = asyncio.create_task(batcher.score([example(1)]))
        await asyncio.sleep(0.1)
        others = [asyncio.create_task(batcher.score([example(n)])) for n in range(3)]
        await asyncio.sleep(0.1)
        scorer.gate.set()
        await asyncio.gather(first, *others)

    run(scorer, work, max_wait_seconds=0)
    assert scorer.sizes == [1, 3]


def test_an_example_of_a_request_that_has_given_up_is_left_out() -> None:
    scorer = Scorer()

    async def work(batcher: Batcher) -> None:
        scorer.gate.clear()
        first = asyncio.create_task(batcher.score([example(1)]))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(batcher.score([example(2), example(3)]))
        await asyncio.sleep(0.1)
        second.cancel()
        third = asyncio.create_task(batcher.score([example(4)]))
        await asyncio.sleep(0.1)
        scorer.gate.set()
        assert (await third)[0, 0] == 8
        await first

    run(scorer, work, max_wait_seconds=0)
    assert scorer.sizes == [1, 1]


def test_a_defect_reaches_the_requests_of_its_batch_and_no_others() -> None:
    async def work(batcher: Batcher) -> Any:
        with pytest.raises(ArithmeticError, match="a defect"):
            await batcher.score([example(np.nan)])
        return await batcher.score([example(1)])

    assert run(Scorer(), work).tolist() == [[2.0]]
