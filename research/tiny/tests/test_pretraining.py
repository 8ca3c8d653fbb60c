"""The pretraining: the same seed gives the same network, and it learns."""

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from research.tiny.image.drawing import draw_images
from research.tiny.image.pretrain import attribute_auc, pretrain

Drawn = tuple[NDArray[np.uint8], NDArray[np.float32]]


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return draw_images(5, range(96))


def _weights(model: keras.Model) -> NDArray[np.float32]:
    return np.concatenate([array.ravel() for array in model.get_weights()])


def test_the_same_seed_gives_the_same_losses_and_weights(drawn: Drawn) -> None:
    first, losses = pretrain(*drawn, steps=4, batch_size=16, seed=3)
    second, again = pretrain(*drawn, steps=4, batch_size=16, seed=3)
    np.testing.assert_allclose(losses, again, rtol=1e-4)
    np.testing.assert_allclose(_weights(first), _weights(second), atol=1e-4)


def test_the_loss_falls_and_every_stage_learns(drawn: Drawn) -> None:
    model, losses = pretrain(*drawn, steps=40, batch_size=24, seed=3)
    assert np.mean(losses[-5:]) < 0.8 * losses[0]
    assert len(attribute_auc(model, *drawn)) > 80
