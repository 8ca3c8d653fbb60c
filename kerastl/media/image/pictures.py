"""Many pictures decoded once, by threads, in the order of the table.

Convention: memory is bounded by the batch, not by the table. `load_pictures` keeps every picture,
in memory while they are few and in a temporary file otherwise; `iter_batches` keeps a few batches.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from kerastl.errors import MediaError
from kerastl.media.image.decoding import load_image
from kerastl.scratch import MAX_MEMORY_BYTES, no_room, scratch_array
from kerastl.threads import in_order

OnError = Literal["raise", "collect"]
OnProgress = Callable[[int, int], None]

_CHUNK = 16  # pictures a thread takes at a time
_CHUNKS_AHEAD = 8  # so that a slow picture doesn't stop the other threads


@dataclass(frozen=True, kw_only=True)
class PictureBatch:
    """Neighboring pictures.

    Args:
        start: Index of the first of them.
        images: RGB, uint8 in [0, 255], shape `(batch, height, width, 3)`; black where unreadable.
        errors: Why a picture is unreadable, by its index in the whole, not in the batch.
    """

    start: int
    images: np.ndarray
    errors: Mapping[int, MediaError]


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Decoded pictures, indexed as the paths they come from.

    Where they don't lie in memory, they lie in a file without a name: its room on disk is free
    again when nothing refers to `images` any more, or when the process ends, however it ends.

    Args:
        images: RGB, uint8 in [0, 255], shape `(pictures, height, width, 3)`; black where
            unreadable.
        errors: Why a picture is unreadable, by its index.
    """

    images: np.ndarray
    errors: Mapping[int, MediaError]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: Any) -> np.ndarray:
        return self.images[index]

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Returns a copy of the pictures at these indices, in their order."""
        return self.images[indices]

    def batches(self, size: int) -> Iterator[np.ndarray]:
        """Yields the pictures in order, `size` at a time; the last batch may be smaller."""
        for start in range(0, len(self), size):
            yield self.images[start : start + size]


def load_pictures(
    paths: Sequence[str | Path],
    *,
    height: int,
    width: int,
    resize: str = "stretch",
    num_threads: int | None = None,
    on_error: OnError = "raise",
    on_progress: OnProgress | None = None,
    max_memory_bytes: int = MAX_MEMORY_BYTES,
) -> Pictures:
    """Decodes every file once.

    Args:
        paths: Files, in the order of the result.
        height: Rows of each picture, in pixels.
        width: Columns of each picture, in pixels.
        resize: `"stretch"`, `"pad"` or `"crop"`.
        num_threads: Threads that decode; None takes one for each processor at hand.
        on_error: `"raise"` the first unreadable file in order, or `"collect"` them.
        on_progress: Called now and then with the number of pictures done and of all.
        max_memory_bytes: Above this size the pictures lie in a temporary file.

    Raises:
        MediaError: A file is unreadable, and `on_error` is `"raise"`.
        KerastlError: The folder for temporary files has no room.

    Example:

    ```python
    pictures = load_pictures(table.paths, height=160, width=160)
    for images in pictures.batches(32):
        ...
    ```
    """
    images = _allocate((len(paths), height, width, 3), max_memory_bytes)
    errors: dict[int, MediaError] = {}
    parts = _parts(paths, _CHUNK, lambda start, stop: images[start:stop], resize)
    for part in in_order(parts, num_ahead=_CHUNKS_AHEAD, num_threads=num_threads):
        errors.update(_checked(part, on_error).errors)
        if on_progress is not None:
            on_progress(part.start + len(part.images), len(paths))
    return Pictures(images=images, errors=errors)


def iter_batches(
    paths: Sequence[str | Path],
    batch_size: int,
    *,
    height: int,
    width: int,
    resize: str = "stretch",
    num_threads: int | None = None,
    num_ahead: int = 2,
    on_error: OnError = "raise",
) -> Iterator[PictureBatch]:
    """Yields the pictures in order while threads decode the next ones.

    Args:
        paths: Files, in the order of the result.
        batch_size: Pictures in a batch; the last one may be smaller.
        height: Rows of each picture, in pixels.
        width: Columns of each picture, in pixels.
        resize: `"stretch"`, `"pad"` or `"crop"`.
        num_threads: Threads that decode; None takes one for each processor at hand.
        num_ahead: Batches that are decoded ahead, besides one in each thread.
        on_error: `"raise"` the first unreadable file in order, or `"collect"` them.

    Raises:
        MediaError: A file is unreadable, and `on_error` is `"raise"`.
    """

    def blank(start: int, stop: int) -> np.ndarray:
        return np.zeros((stop - start, height, width, 3), np.uint8)

    tasks = _parts(paths, batch_size, blank, resize)
    for batch in in_order(tasks, num_ahead=num_ahead, num_threads=num_threads):
        yield _checked(batch, on_error)


def _parts(
    paths: Sequence[str | Path],
    size: int,
    room: Callable[[int, int], np.ndarray],
    resize: str,
) -> Iterator[Callable[[], PictureBatch]]:
    """Yields a function for each `size` neighbors that decodes them into `room(start, stop)`."""
    for start in range(0, len(paths), size):
        stop = min(start + size, len(paths))
        yield partial(_decode_part, paths[start:stop], start, partial(room, start, stop), resize)


def _decode_part(
    paths: Sequence[str | Path], start: int, room: Callable[[], np.ndarray], resize: str
) -> PictureBatch:
    images = room()
    outcomes = [_decode_into(images, row, path, resize) for row, path in enumerate(paths)]
    errors = {start + row: error for row, error in enumerate(outcomes) if error is not None}
    return PictureBatch(start=start, images=images, errors=errors)


def _checked(batch: PictureBatch, on_error: OnError) -> PictureBatch:
    if batch.errors and on_error == "raise":
        raise batch.errors[min(batch.errors)]
    return batch


def _decode_into(images: np.ndarray, row: int, path: str | Path, resize: str) -> MediaError | None:
    height, width = images.shape[1:3]
    try:
        images[row] = load_image(path, height=height, width=width, resize=resize)
    except MediaError as error:
        return error
    return None


def _allocate(shape: tuple[int, ...], max_memory_bytes: int) -> np.ndarray:
    try:
        return scratch_array(shape, np.uint8, max_memory_bytes=max_memory_bytes)
    except OSError as error:
        raise no_room(math.prod(shape), error, what="decoded images") from error
