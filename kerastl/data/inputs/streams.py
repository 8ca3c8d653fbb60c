"""Files as a stream of inputs: threads decode ahead, and memory is bounded by the parts.

Convention: each example is read once. The key of an example consists of the hash of the very bytes
that were decoded and of its cut, so nothing can be stored under the key of other content.
"""

import dataclasses
import hashlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from kerastl.data.inputs.batches import ArrayInputs, Inputs
from kerastl.data.inputs.stored_windows import Windows
from kerastl.errors import MediaError
from kerastl.media.base import InputContract
from kerastl.media.cuts import Cuts, cut_of
from kerastl.media.media_types import media_type
from kerastl.media.view import View
from kerastl.progress import SILENT, Progress
from kerastl.scratch import explaining_no_room, scratch_array
from kerastl.threads import processor_slots
from kerastl_runtime.decoder import WHOLE, Cut, DecodedExample
from kerastl_runtime.file_errors import not_opened
from kerastl_runtime.media_file import MediaFile, as_file, num_readers
from kerastl_runtime.threads import in_order

PART_SIZE = 16
_PART_SIZE_OF_WINDOWS = 4  # examples of up to 64 windows each
_MAX_AHEAD_BYTES = 64 * 2**20


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some decoded examples."""

    rows: np.ndarray  # indices of the examples in the whole
    values: np.ndarray  # their inputs in this order, `(inputs, *shape)`; zeros if unreadable
    keys: tuple[bytes | None, ...]  # all different; None if unreadable or not from a file
    seconds: float = 0.0  # that a thread needed to read and decode
    counts: np.ndarray | None = None  # number of inputs of each example, or None: one
    chosen: np.ndarray | None = None  # index in `values` of each representative, or None: the only
    digests: tuple[bytes | None, ...] = ()  # SHA-256 of each file; empty if it equals the key

    def examples(self) -> list[np.ndarray]:
        """Returns the inputs of each example, one array for each."""
        counts = np.ones(len(self.rows), int) if self.counts is None else self.counts
        return np.split(self.values, np.cumsum(counts)[:-1])

    @property
    def representatives(self) -> np.ndarray:
        """One input per example, in the order of `rows`."""
        return self.values if self.chosen is None else self.values[self.chosen]


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """Examples that were read in another process."""

    examples: tuple[DecodedExample, ...]
    errors: Mapping[int, str]  # index of each unreadable example to the reason


class FileInputs:
    """Inputs that are decoded on demand; unreadable files are raised or collected in `errors`."""

    def __init__(
        self,
        files: Sequence[MediaFile | Path],
        contract: InputContract,
        *,
        cuts: Cuts | None = None,
        on_error: Literal["raise", "collect"] = "raise",
    ):
        self.files = tuple(map(as_file, files))
        self.contract = contract
        self.cuts = cuts
        self.on_error = on_error
        self.errors: dict[int, str] = {}  # index of each unreadable example to the reason
        self._decoder = media_type(contract.modality).decoder(contract)
        self.decoding_rule = self._decoder.rule  # what determines the inputs besides the keys
        self.rule = self.decoding_rule  # the same, with changes after decoding
        self.dtype = self._decoder.dtype
        self._decoding = processor_slots()  # more threads wait for servers
        self._view = View()
        self.has_windows = contract.has_windows
        self._decoded: ArrayInputs | Windows | None = None
        self._read: tuple[DecodedExample, ...] | None = None  # in another process
        self.rows: np.ndarray | None = None  # of these examples in `whole`, or None: all
        self.whole = self  # what engines are chosen for and compared on

    def __len__(self) -> int:
        return len(self.files)

    def __reduce__(self) -> tuple[Callable[..., "FileInputs"], tuple[object, ...]]:
        whole = partial(FileInputs, cuts=self.cuts, on_error=self.on_error)
        return whole, (self.files, self.contract)

    def viewed(self, view: View) -> "FileInputs":
        """Returns the same examples, mirrored or shifted after they are decoded."""
        other = object.__new__(FileInputs)
        vars(other).update(vars(self))
        other._view = view
        other.rule = {"decoding": self.rule, "view": dataclasses.asdict(view)}
        other.whole = other if self.rows is None else self.whole.viewed(view)
        return other

    def part(self, rows: np.ndarray, decoded: Decoded | None = None) -> "FileInputs":
        """Returns some of the examples, whose features are computed as those of the whole.

        They are not read again if they are `decoded`.
        """
        files = [self.files[row] for row in rows]
        cuts = None if self.cuts is None else self.cuts.take(rows)
        other = FileInputs(files, self.contract, cuts=cuts, on_error=self.on_error)
        other.rows, other.whole = rows, self
        if decoded is not None:
            other._read, other.errors = decoded.examples, dict(decoded.errors)
        return other

    def read(self) -> Decoded:
        """Reads every example now, for another process."""
        examples = [
            DecodedExample(values=values, digest=digest)
            for part in self.stream(np.arange(len(self)))
            for values, digest in zip(part.examples(), part.digests, strict=True)
        ]
        return Decoded(examples=tuple(examples), errors=self.errors)

    def keys_of(self, digests: Sequence[bytes | None]) -> list[bytes | None]:
        """Returns the key of each example, given the hash of each example's file."""
        return [_key(digest, cut_of(self.cuts, row)) for row, digest in enumerate(digests)]

    def noise(self, count: int) -> np.ndarray:
        """Returns random inputs, on which engines can be compared."""
        return self._decoder.noise(count)

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Returns the representative input of each of these examples, in their order."""
        if self._decoded is not None:
            return self._view.change(self._decoded.take(indices), np)
        parts = list(self.stream(np.asarray(indices)))
        if not parts:
            return np.zeros((0, *self.contract.shape), self.dtype)
        return np.concatenate([part.representatives for part in parts])

    def draw(self, indices: np.ndarray, *, seed: Sequence[int]) -> np.ndarray:
        """Returns one input of each of these examples; of several, one drawn by the seed."""
        if isinstance(self._decoded, Windows):
            return self._decoded.draw(indices, seed=seed)
        return self.take(indices)

    def decode_all(self, *, progress: Progress = SILENT) -> None:
        """Decodes every file once and keeps the inputs, for training that reads them repeatedly."""
        if self._decoded is not None:
            return
        nouns = media_type(self.contract.modality).nouns
        progress.step(f"Reading {nouns}", len(self.files))
        if self.has_windows:
            parts = _advancing(self.stream(np.arange(len(self))), progress)
            self._decoded = Windows.gather(
                (one for part in parts for one in part.examples()),
                self.contract.shape,
                self.dtype,
                self._decoder.representative,
            )
            return
        shape = (len(self), *self.contract.shape)
        with explaining_no_room(math.prod(shape) * self.dtype.itemsize, f"decoded {nouns}"):
            values = scratch_array(shape, self.dtype)  # before any thread decodes
        for part in _advancing(self.stream(np.arange(len(self))), progress):
            values[part.rows] = part.values
        self._decoded = ArrayInputs(values)

    def stream(self, rows: np.ndarray, *, part_size: int = PART_SIZE) -> Iterator[Part]:
        """Returns the examples at these indices, in their order; threads start to decode now."""
        if self.has_windows:
            part_size = min(part_size, _PART_SIZE_OF_WINDOWS)
        tasks = (
            partial(self._load, rows[begin : begin + part_size])
            for begin in range(0, len(rows), part_size)
        )
        part_bytes = part_size * math.prod(self.contract.shape) * self.dtype.itemsize
        num_ahead = max(2, min(64, _MAX_AHEAD_BYTES // part_bytes))
        readers = num_readers(self.files[row] for row in rows)
        return in_order(tasks, num_ahead=num_ahead, num_threads=readers)

    def _load(self, rows: np.ndarray) -> Part:
        started = time.perf_counter()
        cuts = [cut_of(self.cuts, int(row)) for row in rows]
        loaded = [self._load_one(int(row), one) for row, one in zip(rows, cuts, strict=True)]
        digests = tuple(one.digest for one in loaded)
        counts = chosen = None
        if self.has_windows:
            counts = np.array([len(one.values) for one in loaded])
            places = [self._decoder.representative(one.values) for one in loaded]
            chosen = np.cumsum(counts) - counts + places
        return Part(
            rows=rows,
            values=self._view.change(np.concatenate([one.values for one in loaded]), np),
            keys=tuple(map(_key, digests, cuts)),
            seconds=time.perf_counter() - started,
            counts=counts,
            chosen=chosen,
            digests=digests,
        )

    def _load_one(self, row: int, cut: Cut) -> DecodedExample:
        if self._read is not None:
            return self._read[row]
        if isinstance(self._decoded, Windows):
            return DecodedExample(values=self._decoded.of(row), digest=None)
        if self._decoded is not None:
            return DecodedExample(values=self._decoded.take(np.array([row])), digest=None)
        try:
            held = self._held(self.files[row])
            with self._decoding:
                return self._decoder.load(held, cut)
        except MediaError as error:
            if self.on_error == "raise":
                raise
            self.errors[row] = error.what
            blank = np.zeros((1, *self.contract.shape), self.dtype)
            return DecodedExample(values=blank, digest=None)

    def _held(self, file: MediaFile) -> MediaFile:
        try:
            return file.held()
        except OSError as error:
            raise not_opened(media_type(self.contract.modality).noun, file, error) from None


def viewed_inputs(inputs: Inputs, view: View) -> Inputs:
    """Returns the same examples, mirrored or shifted, for any kind of inputs."""
    if isinstance(inputs, FileInputs):
        return inputs.viewed(view)
    return ArrayInputs(view.change(inputs.take(np.arange(len(inputs))), np))


def stream_inputs(inputs: Inputs, rows: np.ndarray) -> Iterator[Part]:
    """Returns the examples at these indices as parts, for any kind of inputs."""
    if isinstance(inputs, FileInputs):
        return inputs.stream(rows)
    chunks = (rows[begin : begin + PART_SIZE] for begin in range(0, len(rows), PART_SIZE))
    return (
        Part(rows=chunk, values=inputs.take(chunk), keys=(None,) * len(chunk)) for chunk in chunks
    )


def _advancing(parts: Iterator[Part], progress: Progress) -> Iterator[Part]:
    for part in parts:
        yield part
        progress.advance(int(part.rows[-1]) + 1)


def _key(digest: bytes | None, cut: Cut) -> bytes | None:
    if digest is None or cut == WHOLE:
        return digest
    return hashlib.sha256(digest + repr(cut).encode()).digest()
