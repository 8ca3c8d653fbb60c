"""Random changes of batches of images by Keras's layers."""

from collections.abc import Callable
from functools import reduce
from typing import Any

from keras import layers

from kerastl.media.image.settings import ImageAugmentation


def batch_augmentation(augment: ImageAugmentation, *, seed: int) -> Callable[[Any], Any] | None:
    """Returns a function from a batch of images to a randomly changed batch, or None."""
    size = augment.shift
    makers: tuple[tuple[float, Callable[[], layers.Layer]], ...] = (
        (augment.flip, lambda: layers.RandomFlip("horizontal", seed=seed)),
        (augment.rotate, lambda: layers.RandomRotation(augment.rotate, "reflect", seed=seed + 1)),
        (augment.zoom, lambda: layers.RandomZoom(augment.zoom, None, "reflect", seed=seed + 2)),
        (size, lambda: layers.RandomTranslation(size, size, "reflect", seed=seed + 3)),
        (augment.brightness, lambda: layers.RandomBrightness(augment.brightness, seed=seed + 4)),
        (augment.contrast, lambda: layers.RandomContrast(augment.contrast, seed=seed + 5)),
    )
    chosen = [make() for setting, make in makers if setting]

    def change(images: Any) -> Any:
        return reduce(lambda changed, layer: layer(changed, training=True), chosen, images)

    return change if chosen else None
