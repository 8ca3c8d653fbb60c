"""A sample of examples, on which engines are compared with Keras."""

from dataclasses import dataclass

import numpy as np

from kerastl.data.inputs.batches import Inputs
from kerastl.data.inputs.streams import FileInputs, stream_inputs
from kerastl.features.engines.agreement import NUM_EXAMPLES


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Examples, filled up if there are too few of them.

    Args:
        keys: Cache key of each example, or None: it has none, or its features are an average.
        values: Raw inputs: of the examples, in the order of `keys`, then filling.
    """

    keys: list[bytes | None]
    values: np.ndarray


def take_sample(inputs: Inputs) -> Sample:
    """Returns evenly spaced examples; if an example has several inputs, the representative one."""
    num_all = len(inputs)
    rows = np.unique(np.linspace(0, num_all - 1, min(NUM_EXAMPLES, num_all)).astype(int))
    parts = list(stream_inputs(inputs, rows))
    values = np.concatenate([part.representatives for part in parts])
    num_missing = NUM_EXAMPLES - len(values)
    if num_missing > 0:
        values = np.concatenate([values, _filling(inputs, values, num_missing)])
    keys = [key if part.counts is None else None for part in parts for key in part.keys]
    return Sample(keys=keys, values=values)


def _filling(inputs: Inputs, values: np.ndarray, count: int) -> np.ndarray:
    """Returns noise, or repeated examples if the inputs are not files."""
    if isinstance(inputs, FileInputs):
        return inputs.noise(count)
    return np.resize(values, (count, *values.shape[1:]))


def input_dtype(inputs: Inputs) -> np.dtype:
    """Returns the type of the arrays of inputs."""
    return inputs.dtype if isinstance(inputs, FileInputs) else inputs.take(np.arange(1)).dtype
