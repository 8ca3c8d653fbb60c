"""Batches for Keras: inputs and labels of the examples of one part.

Convention: the order of epoch e depends on the seed and e alone, so a resumed training gets the
same batches as an uninterrupted one. The same holds for random changes of a batch.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from kerastl.config.head import Head, columns

if TYPE_CHECKING:
    import tensorflow as tf

Labels = np.ndarray | Mapping[str, np.ndarray]


def by_head(labels: np.ndarray, heads: Sequence[Head], tasks: Sequence[str]) -> Labels:
    """Returns labels, `(examples, tasks)`, in the structure of the model's outputs."""
    split: Mapping[str, np.ndarray] = {head.name: labels[:, columns(head, tasks)] for head in heads}
    return split if len(split) > 1 else next(iter(split.values()))


class Inputs(Protocol):
    """Decoded inputs of all examples, by index."""

    def __len__(self) -> int:
        """Number of examples."""

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Returns the inputs at these indices, the first axis in their order."""


@runtime_checkable
class DrawnInputs(Inputs, Protocol):
    """Inputs of which training gets a random variant in each epoch."""

    def draw(self, indices: np.ndarray, *, seed: Sequence[int]) -> np.ndarray:
        """Returns inputs at these indices that depend on them and on the seed alone."""


class ArrayInputs:
    """Inputs in an array with one example per row, such as features or decoded files."""

    def __init__(self, values: np.ndarray):
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Returns the rows at these indices."""
        return self.values[indices]


def make_batches(
    inputs: Inputs,
    labels: Labels,
    rows: np.ndarray,
    *,
    batch_size: int,
    shuffle_seed: int | None = None,
    first_epoch: int = 0,
    augment: Callable[[Any, Any], Any] | None = None,
) -> "tf.data.Dataset":
    """Returns batches `(x, y)` of the given rows of all inputs and labels.

    Args:
        shuffle_seed: Seed of the order of each epoch, and of drawn inputs; None keeps the order of
            `rows` and draws nothing.
        first_epoch: From 0.
        augment: Change of each batch of inputs, by a seed of two numbers that depends on
            `shuffle_seed`, the epoch and the batch's position.
    """
    import tensorflow as tf

    epochs = itertools.count(first_epoch)

    def batches() -> Iterator[tuple[Any, Any, np.ndarray]]:
        order, take, seed = rows, inputs.take, (0, 0)
        if shuffle_seed is not None:
            seed = (shuffle_seed, next(epochs))
            order = np.random.default_rng(seed).permutation(rows)
            if isinstance(inputs, DrawnInputs):
                take = partial(inputs.draw, seed=seed)
        for begin in range(0, len(order), batch_size):
            chosen = order[begin : begin + batch_size]
            batch_seed = np.random.SeedSequence([*seed, begin]).generate_state(2)
            y = tf.nest.map_structure(lambda values, rows=chosen: values[rows], labels)
            yield take(chosen), y, batch_seed

    def change(x: Any, y: Any, batch_seed: Any) -> tuple[Any, Any]:
        x = tf.cast(x, tf.float32)
        return (x if augment is None else augment(x, batch_seed)), y

    def spec(values: np.ndarray) -> tf.TensorSpec:
        return tf.TensorSpec((None, *values.shape[1:]), values.dtype)

    dataset = tf.data.Dataset.from_generator(
        batches,
        output_signature=(
            spec(inputs.take(rows[:1])),
            tf.nest.map_structure(spec, labels),
            tf.TensorSpec((2,), tf.uint32),
        ),
    )
    num_batches = -(-len(rows) // batch_size)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(num_batches))
    num_threads = 1 if augment is None else tf.data.AUTOTUNE
    return dataset.map(change, num_parallel_calls=num_threads).prefetch(2)
