"""Files as a stream of inputs: threads read and decode ahead, memory is bounded by the parts.

Convention: each example is read once; the key of an example is made of the hash of the very bytes
that were decoded and of its segment, so nothing can be kept under the key of another content.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from kerastl.data.inputs.batches import Inputs
from kerastl.data.inputs.decoders import (
    DEFAULT_RATE_HZ,
    Contract,
    Loaded,
    decode_pictures,
    decoder_of,
)
from kerastl.data.inputs.windows import Windows, loudest
from kerastl.errors import MediaError
from kerastl.media.segments import WHOLE, Segments, bounds_of
from kerastl.progress import SILENT, Progress
from kerastl.threads import in_order

PART_SIZE = 16
_POOLED_PART_SIZE = 4  # examples of up to 64 windows each
_MAX_AHEAD_BYTES = 64 * 2**20


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some examples, decoded.

    Args:
        rows: Their indices in the whole.
        values: Their inputs, the first axis in the order of `rows`; zeros where unreadable.
        keys: What tells each from all others; None where unreadable or not from a file.
        errors: Why an example is unreadable, by its index in the whole.
        seconds: How long a thread read and decoded.
        counts: How many of `values` each example has, or None: one.
        digests: SHA-256 of the bytes of the file of each; empty where it is the key.
    """

    rows: np.ndarray
    values: np.ndarray
    keys: tuple[bytes | None, ...]
    errors: Mapping[int, MediaError]
    seconds: float
    counts: np.ndarray | None = None
    digests: tuple[bytes | None, ...] = ()

    @property
    def windows(self) -> list[np.ndarray]:
        """The inputs of each example, one array for each."""
        counts = np.ones(len(self.rows), int) if self.counts is None else self.counts
        return np.split(self.values, np.cumsum(counts)[:-1])

    @property
    def representatives(self) -> np.ndarray:
        """One input per example: of several windows the loudest."""
        if self.counts is None:
            return self.values
        return np.stack([windows[loudest(windows)] for windows in self.windows])


class FileInputs:
    """Inputs that are decoded when they are asked for.

    Args:
        paths: Files, in the order of the examples.
        contract: What a file becomes.
        segments: The part of its file that each example is, or None: the whole.
        on_error: `"raise"` the first unreadable file, or `"collect"` them in `errors`.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        contract: Contract,
        *,
        segments: Segments | None = None,
        on_error: Literal["raise", "collect"] = "raise",
    ):
        self.paths = tuple(paths)
        self.contract = contract
        self.segments = segments
        self.on_error = on_error
        self.errors: dict[int, str] = {}
        self._decoder = decoder_of(contract)
        self._decoded: Inputs | Windows | None = None

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def rule(self) -> Mapping[str, Any]:
        """All that decides, besides the key, which array an example becomes."""
        return self._decoder.rule

    @property
    def sample_rate_hz(self) -> int:
        """Samples per second of sounds."""
        return self.contract.sample_rate_hz or DEFAULT_RATE_HZ

    @property
    def has_windows(self) -> bool:
        """Whether an example may have several inputs, whose features are averaged."""
        return self.contract.modality == "audio" and self.contract.window == "pool"

    def keys_of(self, digests: Sequence[bytes | None]) -> list[bytes | None]:
        """Returns the key of each example, given the hash of each example's file."""
        return [self._key(row, digest) for row, digest in enumerate(digests)]

    @property
    def dtype(self) -> np.dtype:
        """Type of the inputs' arrays."""
        return self._decoder.dtype

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Returns one input for each of these indices, in their order; of windows the loudest."""
        if self._decoded is not None:
            return self._decoded.take(indices)
        parts = list(self.stream(np.asarray(indices)))
        if not parts:
            return np.zeros((0, *self.contract.shape), self._decoder.dtype)
        return np.concatenate([part.representatives for part in parts])

    def draw(self, indices: np.ndarray, *, seed: Sequence[int]) -> np.ndarray:
        """Returns one input for each of these indices; of windows one drawn by the seed."""
        if self.has_windows and isinstance(self._decoded, Windows):
            return self._decoded.draw(indices, seed=seed)
        return self.take(indices)

    def decode_all(self, *, progress: Progress = SILENT) -> None:
        """Decodes every file once and keeps the result, for what looks at them many times."""
        if self._decoded is not None:
            return
        if self.contract.modality == "audio":
            self._decoded = self._gather(progress)
            return
        decoded = decode_pictures(
            self.paths, self.contract, on_error=self.on_error, progress=progress
        )
        self.errors.update(decoded.errors)
        self._decoded = decoded.inputs

    def stream(self, rows: np.ndarray, *, part_size: int = PART_SIZE) -> Iterator[Part]:
        """Returns the examples at these indices, in their order; threads decode from now on.

        Raises:
            MediaError: A file is unreadable, and `on_error` is `"raise"`.
        """
        if self.has_windows:
            part_size = min(part_size, _POOLED_PART_SIZE)
        tasks = (
            partial(self._load, rows[begin : begin + part_size])
            for begin in range(0, len(rows), part_size)
        )
        part_bytes = part_size * int(np.prod(self.contract.shape)) * self._decoder.dtype.itemsize
        num_ahead = max(2, min(64, _MAX_AHEAD_BYTES // part_bytes))
        return self._checked(in_order(tasks, num_ahead=num_ahead))

    def _gather(self, progress: Progress) -> Windows:
        progress.step("Reading sounds", len(self))

        def sounds() -> Iterator[np.ndarray]:
            for part in self.stream(np.arange(len(self))):
                yield from part.windows
                progress.advance(int(part.rows[-1]) + 1)

        return Windows.gather(sounds(), self.contract.shape[0])

    def _checked(self, parts: Iterator[Part]) -> Iterator[Part]:
        for part in parts:
            if part.errors and self.on_error == "raise":
                raise part.errors[min(part.errors)]
            self.errors.update({row: error.what for row, error in part.errors.items()})
            yield part

    def _load(self, rows: np.ndarray) -> Part:
        started = time.perf_counter()
        loaded: list[Loaded] = []
        errors: dict[int, MediaError] = {}
        for row in map(int, rows):
            try:
                loaded.append(self._load_one(row))
            except MediaError as error:
                errors[row] = error
                blank = np.zeros((1, *self.contract.shape), self._decoder.dtype)
                loaded.append(Loaded(values=blank, digest=None))
        return Part(
            rows=rows,
            values=np.concatenate([one.values for one in loaded]),
            keys=tuple(self._key(int(row), o.digest) for row, o in zip(rows, loaded, strict=True)),
            errors=errors,
            seconds=time.perf_counter() - started,
            counts=np.array([len(one.values) for one in loaded]) if self.has_windows else None,
            digests=tuple(one.digest for one in loaded),
        )

    def _load_one(self, row: int) -> Loaded:
        if isinstance(self._decoded, Windows):
            return Loaded(values=self._decoded.of(row), digest=None)
        if self._decoded is not None:
            return Loaded(values=self._decoded.take(np.array([row])), digest=None)
        return self._decoder.load(self.paths[row], bounds_of(self.segments, row))

    def _key(self, row: int, digest: bytes | None) -> bytes | None:
        bounds = bounds_of(self.segments, row)
        if digest is None or bounds == WHOLE:
            return digest
        return hashlib.sha256(digest + repr(bounds).encode()).digest()


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
