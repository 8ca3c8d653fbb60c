"""Random changes of batches of images."""

import numpy as np
import pytest

from kerastl.data.inputs.batches import ArrayInputs, make_batches
from kerastl.media.image.augmentation import batch_augmentation
from kerastl.media.image.settings import ImageAugmentation

ALL = {"rotate": 0.1, "zoom": 0.2, "shift": 0.1, "brightness": 0.2, "contrast": 0.2}


def epochs(first: int, count: int, **settings: object) -> list[np.ndarray]:
    """Returns the augmented images of some epochs; the image is the same in each row."""
    image = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3)).astype(np.uint8)
    batches = make_batches(
        ArrayInputs(np.tile(image, (40, 1, 1, 1))),
        np.zeros((40, 1), np.float32),
        np.arange(40),
        batch_size=4,
        shuffle_seed=3,
        first_epoch=first,
        augment=batch_augmentation(ImageAugmentation(**settings)),
    )
    return [np.concatenate([images.numpy() for images, _ in batches]) for _ in range(count)]


def test_the_changes_of_an_epoch_do_not_depend_on_the_epochs_before() -> None:
    whole = epochs(0, 3, flip=True, **ALL)
    np.testing.assert_array_equal(epochs(2, 1, flip=True, **ALL)[0], whole[2])


@pytest.mark.parametrize("setting", ALL)
def test_each_change_differs_between_images_batches_and_epochs(setting: str) -> None:
    values = np.concatenate(epochs(0, 2, **{setting: ALL[setting]}))
    assert len(np.unique(values.reshape(80, -1), axis=0)) > 70


def test_about_half_of_the_images_are_flipped() -> None:
    (values,) = epochs(0, 1, flip=True)
    is_flipped = (values != values[0]).any(axis=(1, 2, 3))
    assert 8 < is_flipped.sum() < 32


def test_without_a_setting_nothing_is_changed() -> None:
    assert batch_augmentation(ImageAugmentation()) is None
