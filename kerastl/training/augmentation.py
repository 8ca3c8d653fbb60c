"""Random changes to training examples, off in evaluation.

Convention: pictures are changed a batch at a time by Keras's layers, sounds one by one before.
"""

from collections.abc import Callable
from typing import Any

import keras

from kerastl.config import AugmentConfig
from kerastl.data.inputs.batches import Inputs
from kerastl.data.inputs.streams import FileInputs
from kerastl.training.sound_augmentation import AugmentedSounds


def augmented_inputs(inputs: Inputs, augment: AugmentConfig | None) -> Inputs:
    """Returns the inputs, of sounds those that are changed at random where training draws them."""
    if augment is None or not augment.active or not _are_sounds(inputs):
        return inputs
    assert isinstance(inputs, FileInputs)
    return AugmentedSounds(inputs, augment)


def make_augmentation(
    augment: AugmentConfig | None, inputs: Inputs, *, seed: int
) -> Callable[[Any], Any] | None:
    """Returns a function from a batch of pictures to a batch changed at random, or None.

    Args:
        augment: What to change, and by how much.
        inputs: What the batches are made of; those of sounds are not changed any more.
        seed: Seed of the draws.
    """
    if augment is None or isinstance(inputs, AugmentedSounds):
        return None
    layers = _layers(augment, seed)

    def change(pictures: Any) -> Any:
        for layer in layers:
            pictures = layer(pictures, training=True)
        return pictures

    return change if layers else None


def _are_sounds(inputs: Inputs) -> bool:
    return isinstance(inputs, FileInputs) and inputs.contract.modality == "audio"


def _layers(augment: AugmentConfig, seed: int) -> list[keras.layers.Layer]:
    layers = keras.layers
    makers = (
        (augment.flip, lambda: layers.RandomFlip("horizontal", seed=seed)),
        (augment.rotate, lambda: layers.RandomRotation(augment.rotate, "reflect", seed=seed + 1)),
        (
            augment.zoom,
            lambda: layers.RandomZoom(augment.zoom, fill_mode="reflect", seed=seed + 2),
        ),
        (
            augment.shift,
            lambda: layers.RandomTranslation(
                augment.shift, augment.shift, "reflect", seed=seed + 3
            ),
        ),
        (
            augment.brightness,
            lambda: layers.RandomBrightness(augment.brightness, (0, 255), seed=seed + 4),
        ),
        (
            augment.contrast,
            lambda: layers.RandomContrast(augment.contrast, (0, 255), seed=seed + 5),
        ),
    )
    return [make() for setting, make in makers if setting]
