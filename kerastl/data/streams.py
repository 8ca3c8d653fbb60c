"""Files as a stream of inputs: threads read and decode ahead, memory is bounded by the parts.

Convention: each file is read once; the hash of a part's key is that of the very bytes that were
decoded, so nothing can be kept under the hash of another content.
"""

import hashlib
import itertools
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from kerastl.data.batches import Inputs
from kerastl.data.examples import Contract, decode_inputs, decoder_of
from kerastl.data.images import read_picture_file
from kerastl.data.pictures import num_processors
from kerastl.errors import MediaError
from kerastl.progress import SILENT, Progress

PART_SIZE = 16
_MAX_AHEAD_BYTES = 64 * 2**20

_Result = TypeVar("_Result")


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some examples, decoded.

    Args:
        rows: Their indices in the whole.
        values: Their inputs, the first axis in the order of `rows`; zeros where unreadable.
        keys: SHA-256 of the bytes of each, None where unreadable or not from a file.
        errors: Why an example is unreadable, by its index in the whole.
        seconds: How long a thread read and decoded.
    """

    rows: np.ndarray
    values: np.ndarray
    keys: tuple[bytes | None, ...]
    errors: Mapping[int, MediaError]
    seconds: float


class FileInputs:
    """Inputs that are decoded when they are asked for.

    Args:
        paths: Files, in the order of the examples.
        contract: What a file becomes.
        on_error: `"raise"` the first unreadable file, or `"collect"` them in `errors`.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        contract: Contract,
        *,
        on_error: Literal["raise", "collect"] = "raise",
    ):
        self.paths = tuple(paths)
        self.contract = contract
        self.on_error = on_error
        self.errors: dict[int, str] = {}
        self._decoder = decoder_of(contract)
        self._decoded: Inputs | None = None

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def rule(self) -> Mapping[str, Any]:
        """All that decides, besides the bytes, which array a file becomes."""
        return self._decoder.rule

    @property
    def dtype(self) -> np.dtype:
        """Type of the inputs' arrays."""
        return self._decoder.dtype

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Returns the inputs at these indices, the first axis in their order."""
        if self._decoded is not None:
            return self._decoded.take(indices)
        parts = list(self.stream(np.asarray(indices)))
        if not parts:
            return np.zeros((0, *self.contract.shape), self._decoder.dtype)
        return np.concatenate([part.values for part in parts])

    def decode_all(self, *, progress: Progress = SILENT) -> None:
        """Decodes every file once and keeps the result, for what looks at them many times."""
        if self._decoded is None:
            decoded = decode_inputs(
                self.paths, self.contract, on_error=self.on_error, progress=progress
            )
            self.errors.update(decoded.errors)
            self._decoded = decoded.inputs

    def stream(self, rows: np.ndarray, *, part_size: int = PART_SIZE) -> Iterator[Part]:
        """Returns the examples at these indices, in their order; threads decode from now on.

        Raises:
            MediaError: A file is unreadable, and `on_error` is `"raise"`.
        """
        tasks = (
            partial(self._load, rows[begin : begin + part_size])
            for begin in range(0, len(rows), part_size)
        )
        part_bytes = part_size * int(np.prod(self.contract.shape)) * self._decoder.dtype.itemsize
        num_ahead = max(2, min(64, _MAX_AHEAD_BYTES // part_bytes))
        return self._checked(in_order(tasks, num_ahead=num_ahead))

    def _checked(self, parts: Iterator[Part]) -> Iterator[Part]:
        for part in parts:
            if part.errors and self.on_error == "raise":
                raise part.errors[min(part.errors)]
            self.errors.update({row: error.what for row, error in part.errors.items()})
            yield part

    def _load(self, rows: np.ndarray) -> Part:
        started = time.perf_counter()
        values = np.zeros((len(rows), *self.contract.shape), self._decoder.dtype)
        keys: list[bytes | None] = []
        errors: dict[int, MediaError] = {}
        for place, row in enumerate(rows):
            try:
                key = self._load_one(int(row), values, place)
            except MediaError as error:
                errors[int(row)] = error
                key = None
            keys.append(key)
        return Part(
            rows=rows,
            values=values,
            keys=tuple(keys),
            errors=errors,
            seconds=time.perf_counter() - started,
        )

    def _load_one(self, row: int, values: np.ndarray, place: int) -> bytes | None:
        if self._decoded is not None:
            values[place] = self._decoded.take(np.array([row]))[0]
            return None
        path = self.paths[row]
        data = read_picture_file(path)
        values[place] = self._decoder.decode(data, str(path))
        return hashlib.sha256(data).digest()


def stream_inputs(
    inputs: Inputs, rows: np.ndarray, *, part_size: int = PART_SIZE
) -> Iterator[Part]:
    """Returns the examples at these indices as parts, whatever kind of inputs they are."""
    if isinstance(inputs, FileInputs):
        return inputs.stream(rows, part_size=part_size)
    return (
        Part(
            rows=rows[begin : begin + part_size],
            values=inputs.take(rows[begin : begin + part_size]),
            keys=(None,) * len(rows[begin : begin + part_size]),
            errors={},
            seconds=0.0,
        )
        for begin in range(0, len(rows), part_size)
    )


def in_order(
    tasks: Iterable[Callable[[], _Result]], *, num_ahead: int, num_threads: int | None = None
) -> Iterator[_Result]:
    """Runs tasks in threads, from now on, and gives their results in order.

    Args:
        tasks: What is run.
        num_ahead: Tasks that may be done before their turn, besides one in each thread.
        num_threads: Threads; None takes one for each processor at hand.
    """
    num_threads = num_threads or num_processors()
    pool = ThreadPoolExecutor(num_threads)
    waiting = iter(tasks)
    pending = deque(pool.submit(t) for t in itertools.islice(waiting, num_threads + num_ahead))
    return _drain(pool, pending, waiting)


def _drain(
    pool: ThreadPoolExecutor,
    pending: deque[Future[_Result]],
    waiting: Iterator[Callable[[], _Result]],
) -> Iterator[_Result]:
    with pool:
        try:
            while pending:
                result = pending.popleft().result()
                pending.extend(pool.submit(task) for task in itertools.islice(waiting, 1))
                yield result
        finally:
            for future in pending:
                future.cancel()
