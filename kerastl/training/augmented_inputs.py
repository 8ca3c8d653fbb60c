"""Random changes of training examples, which evaluation never sees.

Convention: some media types change batches by Keras operations, others change single inputs before
they are batched. The change of a single input depends on the seed, the epoch and the example's
index alone, the change of a batch on the seed, the epoch and the batch's position. So neither
depends on threads or interruptions.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerastl.config import AugmentConfig
from kerastl.data.inputs.batches import Inputs
from kerastl.data.inputs.streams import FileInputs
from kerastl.media.media_types import media_type


class AugmentedInputs:
    """Inputs of which training gets another variant in each epoch, by a random change of one."""

    def __init__(
        self, inputs: FileInputs, change: Callable[[np.ndarray, np.random.Generator], np.ndarray]
    ):
        self.inputs = inputs
        self._change = change

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Returns the inputs unchanged."""
        return self.inputs.take(indices)

    def draw(self, indices: np.ndarray, *, seed: Sequence[int]) -> np.ndarray:
        """Returns a variant of each input, drawn by the seed and the example's index."""
        values = np.array(self.inputs.draw(indices, seed=seed))
        for place, row in enumerate(map(int, indices)):
            values[place] = self._change(values[place], np.random.default_rng([*seed, row, 1]))
        return values


def augmented_inputs(inputs: Inputs, augment: AugmentConfig | None) -> Inputs:
    """Returns inputs that are changed at random one by one, if the media type does so."""
    if augment is None or not augment.active or not isinstance(inputs, FileInputs):
        return inputs
    contract = inputs.contract
    change = media_type(contract.modality).example_augmentation(augment, contract)
    return inputs if change is None else AugmentedInputs(inputs, change)


def make_augmentation(
    augment: AugmentConfig | None, inputs: Inputs
) -> Callable[[Any, Any], Any] | None:
    """Returns a random change of a batch by a seed, or None if the media type has none."""
    if augment is None or not isinstance(inputs, FileInputs):
        return None
    return media_type(inputs.contract.modality).batch_augmentation(augment)
