"""A store of the features that one network computes in one precision, by key.

Convention: files are never changed in place. Each process writes new files, so writers need no
lock and a reader sees only whole files. A failed read is a miss and a failed write is reported
once; neither is an error.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from kerastl.features.cache.feature_file import FeatureFile, read_feature_file, write_feature_file
from kerastl.features.cache.location import feature_files

_ROWS_PER_FILE = 2048
_MAX_FILES = 64


class FeatureStore:
    """Features of one network in one precision.

    Args:
        folder: Folder of the files, created with the first of them; None stores nothing.
        dim: Length of a feature vector.
        on_write_error: Called with the reason of the first write that fails.
    """

    def __init__(self, folder: Path | None, dim: int, *, on_write_error: Callable[[str], None]):
        self.folder = folder
        self.dim = dim
        self._on_write_error = on_write_error
        self._has_failed = False
        self.has_written = False
        self._files: dict[str, FeatureFile] = {}
        self._places: dict[bytes, tuple[str, int]] = {}
        self._keys: list[bytes] = []
        self._values: list[np.ndarray] = []

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been stored yet."""
        self._load_files()
        return not self._files

    def read_into(
        self, values: np.ndarray, rows: np.ndarray, keys: Sequence[bytes | None]
    ) -> np.ndarray:
        """Copies the features with these keys into rows of an array; returns which were found.

        Args:
            values: `(examples, dim)` float32.
            rows: Row of `values` for each key.
            keys: Key of each example, or None if it is not known.
        """
        self._load_files()
        found = np.zeros(len(keys), bool)
        by_file: dict[str, list[tuple[int, int]]] = {}
        for index, key in enumerate(keys):
            if key is not None and key in self._places:
                name, place = self._places[key]
                by_file.setdefault(name, []).append((index, place))
        for name, pairs in by_file.items():
            indices, places = np.array(pairs).T
            read, intact = self._read_from(name, places)
            values[rows[indices[intact]]] = read[intact]
            found[indices[intact]] = True
        return found

    def add(self, keys: Sequence[bytes | None], values: np.ndarray) -> None:
        """Adds features, which `flush` writes; examples whose key is None are not stored."""
        if self.folder is None:
            return
        known = [row for row, key in enumerate(keys) if key is not None]
        self._keys.extend(key for key in keys if key is not None)
        self._values.append(np.asarray(values, np.float32)[known])
        if len(self._keys) >= _ROWS_PER_FILE:
            self.flush()

    def flush(self) -> None:
        """Writes what was added."""
        keys, values = self._keys, self._values
        self._keys, self._values = [], []
        if self.folder is None or not keys or self._has_failed:
            return
        try:
            write_feature_file(self.folder, keys, np.concatenate(values))
            self.has_written = True
        except OSError as error:
            self._has_failed = True
            self._on_write_error(error.strerror or str(error))

    def close(self) -> None:
        """Writes what was added, and merges small files if there are many."""
        self.flush()
        try:
            self._merge_small_files()
        except OSError as error:
            self._on_write_error(error.strerror or str(error))

    def _load_files(self) -> None:
        for path in feature_files(self.folder) if self.folder else ():
            if path.name not in self._files:
                file = read_feature_file(path, self.dim)
                if file is not None:
                    self._files[path.name] = file
                    places = ((path.name, row) for row in range(len(file.keys)))
                    self._places.update(zip(file.keys, places, strict=True))

    def _read_from(self, name: str, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        try:
            return self._files[name].read(places)
        except (OSError, ValueError):  # deleted or truncated since its keys were read
            return np.zeros((len(places), self.dim), np.float32), np.zeros(len(places), bool)

    def _merge_small_files(self) -> None:
        self._load_files()
        if self.folder is None or len(self._files) <= _MAX_FILES:
            return
        small = [file for file in self._files.values() if len(file.keys) < _ROWS_PER_FILE]
        keys: dict[bytes, np.ndarray] = {}
        for file in small:
            values, intact = file.read(np.arange(len(file.keys)))
            keys.update((file.keys[row], values[row]) for row in np.flatnonzero(intact))
        if keys:
            write_feature_file(self.folder, list(keys), np.stack(list(keys.values())))
        for file in small:
            file.path.unlink(missing_ok=True)
