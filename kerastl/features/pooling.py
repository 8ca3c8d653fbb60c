"""Several windows of an example to one feature vector: the mean of their features."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from kerastl.data.inputs.streams import Part

Run = Callable[[Iterator[Part]], Iterator[tuple[Part, np.ndarray]]]


def run_pooled(run: Run, parts: Iterator[Part]) -> Iterator[tuple[Part, np.ndarray]]:
    """Yields each part with one row per example: of windows, the mean of their outputs.

    Args:
        run: As `Engine.run`; it sees each window as an example.
        parts: Parts whose examples may have several inputs.
    """
    originals: dict[int, Part] = {}

    def single() -> Iterator[Part]:
        for part in parts:
            if part.counts is None:
                yield part
            else:
                each = replace(part, rows=np.arange(len(part.values)), counts=None)
                originals[id(each)] = part
                yield each

    for part, output in run(single()):
        original = originals.pop(id(part), None)
        if original is None or original.counts is None:
            yield part, output
        else:
            firsts = np.cumsum(original.counts) - original.counts
            sums = np.add.reduceat(output, firsts, axis=0)
            yield original, (sums / original.counts[:, np.newaxis]).astype(np.float32)
