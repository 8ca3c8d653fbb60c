"""Random changes to training pictures, off in evaluation."""

from collections.abc import Callable
from typing import Any

import keras

from kerastl.config import AugmentConfig


def make_augmentation(augment: AugmentConfig | None, *, seed: int) -> Callable[[Any], Any] | None:
    """Returns a function from a batch of pictures to a batch changed at random, or None.

    Args:
        augment: What to change, and by how much.
        seed: Seed of the draws.
    """
    if augment is None:
        return None
    layers = _layers(augment, seed)

    def change(pictures: Any) -> Any:
        for layer in layers:
            pictures = layer(pictures, training=True)
        return pictures

    return change if layers else None


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
