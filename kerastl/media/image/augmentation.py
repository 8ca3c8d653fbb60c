"""Random changes of batches of images by Keras's layers."""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from kerastl.media.image.settings import ImageAugmentation


class BatchSeeds(keras.random.SeedGenerator):
    """Seeds that depend only on the seed of a batch and on how many were drawn for it.

    The state of Keras's own generator depends on the order in which threads change batches.
    """

    def start(self, seed: Any) -> None:
        """Sets the seed of the batch, a tensor of two numbers."""
        self._seed, self._num_drawn = seed, 0

    def next(self, ordered: bool = True) -> Any:
        self._num_drawn += 1
        return self._seed + keras.ops.array([0, self._num_drawn], self._seed.dtype)


def batch_augmentation(augment: ImageAugmentation) -> Callable[[Any, Any], Any] | None:
    """Returns a function from a batch of images and a seed to a changed batch, or None."""
    size = augment.shift
    makers: tuple[tuple[float, Callable[[], layers.Layer]], ...] = (
        (augment.flip, lambda: layers.RandomFlip("horizontal")),
        (augment.rotate, lambda: layers.RandomRotation(augment.rotate, "reflect")),
        (augment.zoom, lambda: layers.RandomZoom(augment.zoom, None, "reflect")),
        (size, lambda: layers.RandomTranslation(size, size, "reflect")),
        (augment.brightness, lambda: layers.RandomBrightness(augment.brightness)),
        (augment.contrast, lambda: layers.RandomContrast(augment.contrast)),
    )
    chosen = [make() for setting, make in makers if setting]
    seeds = BatchSeeds(0)
    for layer in chosen:
        layer.generator = seeds

    def change(images: Any, seed: Any) -> Any:
        seeds.start(seed)
        for layer in chosen:
            images = layer(images, training=True)
        return images

    return change if chosen else None
