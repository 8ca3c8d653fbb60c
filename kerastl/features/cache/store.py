"""A store: the features that one network gives in one precision, by the hash of the file.

Convention: nothing is ever changed in place. Each process writes files of its own, so writers need
no lock; a reader sees whole files or none. Whatever can't be read or written is a miss, never an
error: the cache may only save time.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from kerastl.features.cache.segments import SUFFIX, Segment, read_segment, write_segment

_ROWS_PER_SEGMENT = 2048
_MAX_SEGMENTS = 64


class FeatureStore:
    """Features of one network in one precision.

    Args:
        folder: Where they lie; made when something is written.
        dim: Length of a feature vector.
        on_refusal: Called once, with the reason, when the disk refuses a write.
    """

    def __init__(self, folder: Path, dim: int, *, on_refusal: Callable[[str], None]):
        self.folder = folder
        self.dim = dim
        self._on_refusal = on_refusal
        self._refused = False
        self.has_written = False
        self._segments: dict[str, Segment] = {}
        self._places: dict[bytes, tuple[str, int]] = {}
        self._keys: list[bytes] = []
        self._values: list[np.ndarray] = []

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been stored yet."""
        self._load_segments()
        return not self._segments

    def read_into(
        self, values: np.ndarray, rows: np.ndarray, keys: Sequence[bytes | None]
    ) -> np.ndarray:
        """Looks keys up and writes what is found into an array.

        Args:
            values: `(examples, dim)` float32, changed where something is found.
            rows: Row of `values` for each key.
            keys: Hash of each file, or None where it isn't known.

        Returns:
            `(keys,)`: which were found.
        """
        self._load_segments()
        found = np.zeros(len(keys), bool)
        by_segment: dict[str, list[tuple[int, int]]] = {}
        for index, key in enumerate(keys):
            if key is not None and key in self._places:
                name, place = self._places[key]
                by_segment.setdefault(name, []).append((index, place))
        for name, pairs in by_segment.items():
            indices, places = np.array(pairs).T
            read, intact = self._read_from(name, places)
            values[rows[indices[intact]]] = read[intact]
            found[indices[intact]] = True
        return found

    def add(self, keys: Sequence[bytes | None], values: np.ndarray) -> None:
        """Keeps features; they are on disk after `flush`, or after some thousand of them.

        Args:
            keys: Hash of each file, or None where it isn't known: not kept.
            values: `(keys, dim)`.
        """
        known = [row for row, key in enumerate(keys) if key is not None]
        self._keys.extend(key for key in keys if key is not None)
        self._values.append(np.asarray(values, np.float32)[known])
        if len(self._keys) >= _ROWS_PER_SEGMENT:
            self.flush()

    def flush(self) -> None:
        """Writes what was added."""
        keys, values = self._keys, self._values
        self._keys, self._values = [], []
        if not keys or self._refused:
            return
        try:
            write_segment(self.folder, keys, np.concatenate(values))
            self.has_written = True
        except OSError as error:
            self._refused = True
            self._on_refusal(error.strerror or str(error))

    def close(self) -> None:
        """Writes what was added, and joins files where there are many."""
        self.flush()
        try:
            self._join_small_segments()
        except OSError as error:
            self._on_refusal(error.strerror or str(error))

    def _load_segments(self) -> None:
        try:
            names = sorted(path.name for path in self.folder.iterdir() if path.suffix == SUFFIX)
        except OSError:
            names = []
        for name in names:
            if name not in self._segments:
                segment = read_segment(self.folder / name, self.dim)
                if segment is not None:
                    self._segments[name] = segment
                    self._places.update((key, (name, row)) for row, key in enumerate(segment.keys))

    def _read_from(self, name: str, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        try:
            return self._segments[name].read(places)
        except (OSError, ValueError):  # deleted meanwhile, or cut off
            return np.zeros((len(places), self.dim), np.float32), np.zeros(len(places), bool)

    def _join_small_segments(self) -> None:
        self._load_segments()
        if len(self._segments) <= _MAX_SEGMENTS:
            return
        small = [s for s in self._segments.values() if len(s.keys) < _ROWS_PER_SEGMENT]
        keys: dict[bytes, np.ndarray] = {}
        for segment in small:
            values, intact = segment.read(np.arange(len(segment.keys)))
            keys.update((segment.keys[row], values[row]) for row in np.flatnonzero(intact))
        if keys:
            write_segment(self.folder, list(keys), np.stack(list(keys.values())))
        for segment in small:
            segment.path.unlink(missing_ok=True)
