"""Computation of features: the inputs of examples pass through an engine."""

from collections import deque
from collections.abc import Iterator

import numpy as np

from kerastl.data.inputs.streams import Part
from kerastl.features.engines.engine import Engine


def compute_features(engine: Engine, parts: Iterator[Part]) -> Iterator[tuple[Part, np.ndarray]]:
    """Yields each part with the features of its examples, float32.

    Args:
        engine: The engine.
        parts: Decoded examples. The features of an example with several inputs are averaged.
    """
    waiting: deque[Part] = deque()

    def batches() -> Iterator[np.ndarray]:
        for part in parts:
            waiting.append(part)
            yield part.values

    for output in engine.run(batches()):
        part = waiting.popleft()
        yield part, output if part.counts is None else _means(output, part.counts)


def _means(output: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Returns the mean over consecutive groups of rows with these sizes."""
    firsts = np.cumsum(counts) - counts
    sums = np.add.reduceat(output, firsts, axis=0)
    return np.asarray(sums / counts[:, np.newaxis], np.float32)
