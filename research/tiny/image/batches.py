"""Batches of pretraining: random windows, mirrors and light, with the answers they imply.

Convention: batch `i` depends on the seed and on `i` alone.
"""

import numpy as np
from numpy.typing import NDArray

from research.tiny.image.drawing import ATTRIBUTES

Images = NDArray[np.uint8]
Answers = NDArray[np.float32]

LARGEST_SHIFT = 5
_SWAPPED = (
    ("haze_left_bottom", "haze_right_bottom"),
    ("haze_left_top", "haze_right_top"),
)
_NEGATED = ("largest_is_left", "lit_from_left", "left_is_brighter", "middle_leans_right")


def mirrored(answers: Answers) -> Answers:
    """Returns what holds for images `(batch, attributes)` whose left and right are swapped."""
    order = list(range(len(ATTRIBUTES)))
    for first, second in _SWAPPED:
        i, j = ATTRIBUTES.index(first), ATTRIBUTES.index(second)
        order[i], order[j] = j, i
    changed = answers[:, order]
    columns = [ATTRIBUTES.index(name) for name in _NEGATED]
    changed[:, columns] = 1.0 - changed[:, columns]
    return changed


def augmented(
    rng: np.random.Generator, images: Images, answers: Answers
) -> tuple[NDArray[np.float32], Answers]:
    """Draws a window, a mirror, contrast and brightness for each image of a batch.

    Returns:
        Images as float32 in [0, 255], and their answers.
    """
    count, size = images.shape[:2]
    margin = ((0, 0), (LARGEST_SHIFT, LARGEST_SHIFT), (LARGEST_SHIFT, LARGEST_SHIFT), (0, 0))
    padded = np.pad(images, margin, mode="reflect")
    corners = rng.integers(0, 2 * LARGEST_SHIFT + 1, (count, 2))
    windows = np.stack(
        [image[y : y + size, x : x + size] for image, (y, x) in zip(padded, corners, strict=True)]
    ).astype(np.float32)
    flip = np.less(rng.random(count), 0.5)
    windows[flip] = windows[flip, :, ::-1]
    contrast = rng.uniform(0.75, 1.25, (count, 1, 1, 1)).astype(np.float32)
    brightness = rng.uniform(-20.0, 20.0, (count, 1, 1, 1)).astype(np.float32)
    windows = np.clip((windows - 128.0) * contrast + 128.0 + brightness, 0.0, 255.0)
    return windows, np.where(flip[:, None], mirrored(answers), answers)


def batch(
    images: Images, answers: Answers, *, seed: int, index: int, batch_size: int
) -> tuple[NDArray[np.float32], Answers]:
    """Returns batch `index`; every pass over the images has an order of its own."""
    per_pass = len(images) // batch_size
    order = np.random.default_rng([seed, index // per_pass]).permutation(len(images))
    start = index % per_pass * batch_size
    chosen = np.sort(order[start : start + batch_size])
    rng = np.random.default_rng([seed, index // per_pass, index % per_pass])
    return augmented(rng, images[chosen], answers[chosen])
