"""Finished images: a scene seen through a camera, as bytes, with all its answers.

Convention: the answers of the other kind of scene are NaN, as are those that the camera hides.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from research.tiny.image import scenes, translucent
from research.tiny.image.textures import Array, grid

TRANSLUCENT_SHARE = 0.2
CAMERA = (
    "is_dark",
    "is_blurred",
    "is_noisy",
    "is_foggy",
    "is_flat",
    "is_warm",
    "is_gray",
    "has_vignette",
    "is_translucent",
    "left_is_brighter",
    "top_is_brighter",
)
ATTRIBUTES = (*scenes.ATTRIBUTES, *translucent.ATTRIBUTES, *CAMERA)
_RARITY = {
    "is_dark": 0.2,
    "is_blurred": 0.25,
    "is_noisy": 0.25,
    "is_foggy": 0.12,
    "is_flat": 0.2,
    "is_warm": 0.3,
    "is_gray": 0.12,
    "has_vignette": 0.25,
}


def draw_image(
    seed: int, index: int, *, size: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Draws image `index` of the stream `seed`.

    Args:
        seed: Seed of the stream.
        index: Number of the image in it.
        size: Side in pixels; divides 128.

    Returns:
        The image `(size, size, 3)` and one answer per name in `ATTRIBUTES`: 1, 0 or NaN.
    """
    rng = np.random.default_rng([seed, index])
    if rng.random() < TRANSLUCENT_SHARE:
        pixels, answers = translucent.scene(rng, scenes.CANVAS_SIZE)
        answers["is_translucent"] = 1.0
    else:
        pixels, answers = scenes.scene(rng)
        answers["is_translucent"] = 0.0
    taken, seen = camera(
        rng, _reduced(np.clip(pixels, 0.0, 1.0), size), gray=bool(answers["is_translucent"])
    )
    answers |= seen
    if seen["is_gray"]:
        answers |= {name: float("nan") for name in answers if name.startswith("color_")}
    values = [answers.get(name, float("nan")) for name in ATTRIBUTES]
    return np.round(taken * 255.0).astype(np.uint8), np.array(values, np.float32)


def _reduced(pixels: Array, size: int) -> Array:
    step = pixels.shape[0] // size
    return pixels.reshape(size, step, size, step, 3).mean(axis=(1, 3))


def camera(
    rng: np.random.Generator, pixels: Array, *, gray: bool
) -> tuple[Array, dict[str, float]]:
    """Returns the image as the camera records it, in [0, 1], and the answers to `CAMERA`."""
    seen = {name: float(rng.random() < share) for name, share in _RARITY.items()}
    seen["is_gray"] = 1.0 if gray else seen["is_gray"]
    size = pixels.shape[0]
    if seen["is_foggy"]:
        depth = np.clip(0.8 - 0.5 * grid(size)[0], 0.0, 1.0)[..., None] * rng.uniform(0.4, 0.75)
        pixels = pixels + depth * (rng.uniform(0.6, 0.9) - pixels)
    if seen["has_vignette"]:
        rows, columns = grid(size)
        pixels = pixels * (1.0 - rng.uniform(0.25, 0.5) * (rows**2 + columns**2) / 1.4)[..., None]
    cast = rng.uniform(0.05, 0.2) if seen["is_warm"] else -rng.uniform(0.0, 0.12)
    pixels = pixels * (1.0 + cast * np.array([1.0, 0.0, -1.0]))
    if seen["is_gray"]:
        pixels = np.repeat(pixels.mean(axis=2, keepdims=True), 3, axis=2)
    if seen["is_flat"]:
        pixels = 0.5 + (pixels - 0.5) * rng.uniform(0.3, 0.55)
    exposure = rng.uniform(0.3, 0.55) if seen["is_dark"] else rng.uniform(0.75, 1.15)
    pixels = np.clip(pixels * exposure, 0.0, 1.0) ** rng.uniform(0.85, 1.2)
    if seen["is_blurred"]:
        pixels = _blurred(pixels, passes=int(rng.integers(2, 5)))
    if seen["is_noisy"]:
        grain = rng.standard_normal(pixels.shape if not seen["is_gray"] else (size, size, 1))
        pixels = pixels + rng.uniform(0.025, 0.07) * grain
    return np.clip(pixels, 0.0, 1.0), seen | _balance(pixels)


def _balance(pixels: Array) -> dict[str, float]:
    """Returns which half is brighter; NaN if the halves are about equal."""
    levels, middle = pixels.mean(axis=2), pixels.shape[0] // 2
    differences = {
        "left_is_brighter": levels[:, :middle].mean() - levels[:, middle:].mean(),
        "top_is_brighter": levels[:middle].mean() - levels[middle:].mean(),
    }
    return {
        name: float("nan") if abs(value) < 0.015 else float(value > 0)
        for name, value in differences.items()
    }


def _blurred(pixels: Array, *, passes: int) -> Array:
    for _ in range(passes):
        for axis in (0, 1):
            padded = np.concatenate(
                [pixels.take([0], axis), pixels, pixels.take([-1], axis)], axis=axis
            )
            length = pixels.shape[axis]
            before, middle, after = (padded.take(range(k, k + length), axis) for k in range(3))
            pixels = 0.25 * before + 0.5 * middle + 0.25 * after
    return pixels


def draw_images(
    seed: int, indices: Sequence[int], *, size: int = 64
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Draws several images of one stream.

    Returns:
        Images `(count, size, size, 3)` and answers `(count, attributes)`, NaN if unknown.
    """
    drawn = [draw_image(seed, int(index), size=size) for index in indices]
    return np.stack([image for image, _ in drawn]), np.stack([answers for _, answers in drawn])
