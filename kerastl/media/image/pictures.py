"""Many pictures decoded once, by threads, in the order of the table.

Convention: memory is bounded by the batch, not by the table. `load_pictures` keeps every picture,
in memory while they are few and in a temporary file otherwise; `iter_batches` keeps a few batches.
"""

import math
import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np

from kerastl.errors import KerastlError, MediaError
from kerastl.media.image.decoding import load_image

OnError = Literal["raise", "collect"]
OnProgress = Callable[[int, int], None]

_MAX_MEMORY_BYTES = 512 * 2**20
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
    max_memory_bytes: int = _MAX_MEMORY_BYTES,
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
    for part in _in_order(parts, num_threads, num_ahead=_CHUNKS_AHEAD):
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

    for batch in _in_order(_parts(paths, batch_size, blank, resize), num_threads, num_ahead):
        yield _checked(batch, on_error)


def num_processors() -> int:
    """Returns how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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


def _in_order(
    tasks: Iterator[Callable[[], PictureBatch]], num_threads: int | None, num_ahead: int
) -> Iterator[PictureBatch]:
    """Runs tasks in threads and yields their results in order, few tasks ahead of the reader."""
    num_threads = num_threads or num_processors()
    with ThreadPoolExecutor(num_threads) as pool:
        pending: deque[Future[PictureBatch]] = deque()
        try:
            for task in tasks:
                pending.append(pool.submit(task))
                if len(pending) >= num_threads + num_ahead:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


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
    num_bytes = math.prod(shape)
    if num_bytes <= max_memory_bytes:
        return np.zeros(shape, np.uint8)
    try:
        with tempfile.TemporaryFile(prefix="kerastl-pictures-") as file:
            reserve(file, num_bytes)
            return np.memmap(file, np.uint8, "r+", shape=shape)
    except OSError as error:
        raise no_room(num_bytes, error, what="pictures") from error


def reserve(file: IO[bytes], num_bytes: int) -> None:
    """Takes the room on disk now: a full disk found while writing to memory kills the process."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, num_bytes)
        return
    block = bytes(2**20)
    for start in range(0, num_bytes, len(block)):
        file.write(block[: num_bytes - start])
    file.flush()


def no_room(num_bytes: int, error: OSError, *, what: str) -> KerastlError:
    """Returns the error of a folder for temporary files that is full.

    Args:
        num_bytes: Bytes that were needed.
        error: What the system says.
        what: What was decoded, in the plural.
    """
    return KerastlError(
        f"There is no room for the decoded {what}.",
        where=tempfile.gettempdir(),
        expected=f"{num_bytes / 1e9:.1f} GB free",
        received=error.strerror or str(error),
        fix="Free some space, or name a roomier folder in the environment variable TMPDIR.",
    )
