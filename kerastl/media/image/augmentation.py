"""Random changes of batches of images by Keras's layers."""

from collections.abc import Callable
from typing import Any

from keras import layers

from kerastl.media.image.settings import ImageAugmentation


def batch_augmentation(settings: ImageAugmentation, *, seed: int) -> Callable[[Any], Any] | None:
    """Returns a function from a batch of images to a randomly changed batch, or None.

    Args:
        settings: The changes and their sizes.
        seed: Seed of the changes.
    """
    chosen = _layers(settings, seed)

    def change(images: Any) -> Any:
        for layer in chosen:
            images = layer(images, training=True)
        return images

    return change if chosen else None


def _layers(augment: ImageAugmentation, seed: int) -> list[layers.Layer]:
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
