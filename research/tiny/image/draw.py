"""Draws the images of the pretraining once, on all cores, into a folder of plain arrays.

Run from the root of the repository:

    python -m research.tiny.image.draw --folder /tmp/tiny-image --count 40000
"""

import argparse
import hashlib
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from research.tiny.image.drawing import draw_images

SEED = 1
CHUNK = 500


def draw(folder: Path, *, seed: int, count: int, workers: int | None = None) -> None:
    """Writes `images.npy` `(count, 64, 64, 3)` and `answers.npy` `(count, attributes)`."""
    folder.mkdir(parents=True, exist_ok=True)
    chunks = [range(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]
    with ProcessPoolExecutor(workers) as pool:
        drawn = list(pool.map(partial(draw_images, seed), chunks))
    np.save(folder / "images.npy", np.concatenate([images for images, _ in drawn]))
    np.save(folder / "answers.npy", np.concatenate([answers for _, answers in drawn]))


def fingerprint(images: NDArray[np.uint8]) -> str:
    """Returns the SHA-256 of the images' bytes."""
    return hashlib.sha256(np.ascontiguousarray(images).tobytes()).hexdigest()


def main() -> None:
    """Runs the command line of this script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--count", type=int, default=40_000)
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    draw(arguments.folder, seed=arguments.seed, count=arguments.count)
    images = np.load(arguments.folder / "images.npy", mmap_mode="r")
    print(f"{len(images)} images, SHA-256 of the first 100: {fingerprint(images[:100])}")


if __name__ == "__main__":
    main()
