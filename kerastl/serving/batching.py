"""Dynamic batching: examples of several requests are computed together.

Convention: an example waits for others no longer than the limit, and while a batch is computed the
next one fills. Examples whose request has given up are left out.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np


class _Waiting(NamedTuple):
    inputs: np.ndarray
    answer: "asyncio.Future[np.ndarray]"


class Batcher:
    """Collects examples into batches and computes one batch at a time in a thread.

    Args:
        score: From the inputs of each example to probabilities, `(examples, tasks)`.
        max_batch: Most examples of a batch.
        max_wait_seconds: Longest time that an example waits for others.
        observe: Receives the size of each batch.
    """

    def __init__(
        self,
        score: Callable[[Sequence[np.ndarray]], np.ndarray],
        *,
        max_batch: int,
        max_wait_seconds: float,
        observe: Callable[[int], object] = lambda size: None,
    ):
        self._score = score
        self._max_batch = max_batch
        self._max_wait_seconds = max_wait_seconds
        self._observe = observe
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._thread = ThreadPoolExecutor(1)

    async def score(self, examples: Sequence[np.ndarray]) -> np.ndarray:
        """Returns the probabilities of some examples, `(examples, tasks)`."""
        loop = asyncio.get_running_loop()
        waiting = [_Waiting(inputs, loop.create_future()) for inputs in examples]
        for one in waiting:
            self._queue.put_nowait(one)
        try:
            return np.stack(await asyncio.gather(*(one.answer for one in waiting)))
        finally:
            for one in waiting:
                one.answer.cancel()  # if the request has given up

    async def run(self) -> None:
        """Computes batches until it is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            batch = [one for one in await self._collect() if not one.answer.done()]
            if not batch:
                continue
            self._observe(len(batch))
            try:
                inputs = [one.inputs for one in batch]
                rows = await loop.run_in_executor(self._thread, self._score, inputs)
            except Exception as error:  # a defect, which each request reports
                for one in batch:
                    if not one.answer.done():
                        one.answer.set_exception(error)
                continue
            for one, row in zip(batch, rows, strict=True):
                if not one.answer.done():
                    one.answer.set_result(row)

    async def _collect(self) -> list[_Waiting]:
        """Returns the next examples: as many as there are, or come within the limit."""
        batch = [await self._queue.get()]
        try:
            async with asyncio.timeout(self._max_wait_seconds):
                while len(batch) < self._max_batch:
                    batch.append(await self._queue.get())
        except TimeoutError:
            pass
        while len(batch) < self._max_batch and not self._queue.empty():
            batch.append(self._queue.get_nowait())
        return batch
