"""Images that differ widely, for checks of backbones."""

from collections.abc import Sequence

import numpy as np

_FREE_SIDE = 96  # pixels


def varied_images(shape: Sequence[int | None]) -> np.ndarray:
    """Returns a dark, a bright, a coarse and a full-contrast image, RGB float32 in [0, 255].

    Args:
        shape: (height, width, 3); None for a side that the network leaves open.
    """
    random = np.random.default_rng(0)
    height, width = (side or _FREE_SIDE for side in shape[:2])
    coarse = random.uniform(0, 255, (4, 4, 3)).repeat(-(-height // 4), 0)
    coarse = coarse.repeat(-(-width // 4), 1)[:height, :width]
    images = [
        random.uniform(0, 30, (height, width, 3)),
        random.uniform(200, 255, (height, width, 3)),
        coarse,
        random.choice([0.0, 255.0], (height, width, 3)),
    ]
    return np.stack(images).astype("float32")
