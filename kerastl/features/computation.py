"""Computation of features: the inputs of examples pass through an engine, and time is measured."""

import time
from collections import deque
from collections.abc import Iterator

import numpy as np

from kerastl.data.inputs.streams import Part
from kerastl.features.engines.engine import Engine
from kerastl.progress import Progress


class FeatureComputation:
    """Computes the features of decoded examples, which arrive from threads.

    Args:
        engine: The engine.
        parts: The examples.
    """

    def __init__(self, engine: Engine, parts: Iterator[Part]):
        self._engine = engine
        self._parts = parts
        self._started = time.perf_counter()
        self._waited = 0.0
        self._decoded = 0.0

    def run(
        self, num_examples: int, *, title: str, progress: Progress
    ) -> Iterator[tuple[Part, np.ndarray]]:
        """Yields each part with the features of its examples, float32.

        The features of an example with several inputs are averaged.
        """
        progress.step(f"{title} by {self._engine.label}", num_examples)
        waiting: deque[Part] = deque()
        num_done = 0
        for output in self._engine.run(self._batches(waiting)):
            part = waiting.popleft()
            yield part, output if part.counts is None else _means(output, part.counts)
            num_done += len(part.rows)
            progress.advance(num_done)

    def seconds(self) -> dict[str, float]:
        """Returns the seconds in total, of waiting for inputs, and of the decoding threads."""
        return {
            "seconds": round(time.perf_counter() - self._started, 3),
            "waited_for_inputs_seconds": round(self._waited, 3),
            "decoding_thread_seconds": round(self._decoded, 3),
        }

    def _batches(self, waiting: deque[Part]) -> Iterator[np.ndarray]:
        while True:
            asked = time.perf_counter()
            part = next(self._parts, None)
            self._waited += time.perf_counter() - asked
            if part is None:
                return
            self._decoded += part.seconds
            waiting.append(part)
            yield part.values


def _means(output: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Returns the mean over consecutive groups of rows with these sizes."""
    firsts = np.cumsum(counts) - counts
    sums = np.add.reduceat(output, firsts, axis=0)
    return np.asarray(sums / counts[:, np.newaxis], np.float32)
