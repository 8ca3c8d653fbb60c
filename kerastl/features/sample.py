"""A sample of examples, on which engines are compared with Keras."""

from dataclasses import dataclass

import numpy as np

from kerastl.data.inputs.batches import Inputs
from kerastl.data.inputs.streams import FileInputs, stream_inputs
from kerastl.features.engines.agreement import NUM_EXAMPLES


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Examples, and noise if there are too few of them.

    Args:
        keys: Cache key of each example, or None: it has none, or its features are an average.
        values: Raw inputs: of the examples, in the order of `keys`, then noise.
    """

    keys: list[bytes | None]
    values: np.ndarray


def take_sample(inputs: Inputs) -> Sample:
    """Returns evenly spaced examples; if an example has several inputs, the loudest of them."""
    num_all = len(inputs)
    rows = np.unique(np.linspace(0, num_all - 1, min(NUM_EXAMPLES, num_all)).astype(int))
    parts = list(stream_inputs(inputs, rows))
    values = np.concatenate([part.representatives for part in parts])
    num_missing = NUM_EXAMPLES - len(values)
    if num_missing > 0:
        noise = _noise((num_missing, *values.shape[1:]), values.dtype)
        values = np.concatenate([values, noise])
    keys = [key if part.counts is None else None for part in parts for key in part.keys]
    return Sample(keys=keys, values=values)


def input_dtype(inputs: Inputs) -> np.dtype:
    """Returns the type of the arrays of inputs."""
    return inputs.dtype if isinstance(inputs, FileInputs) else inputs.take(np.arange(1)).dtype


def _noise(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Returns uniform noise for integers, otherwise Gaussian noise of standard deviation 0.1."""
    random = np.random.default_rng(0)
    if dtype == np.uint8:
        return random.integers(0, 256, shape, np.uint8)
    return (0.1 * random.standard_normal(shape)).astype(dtype)
