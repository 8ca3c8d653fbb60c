"""A store of rows by key: the features of one network in one precision, or the hashes of files.

Convention: files are never changed in place. Each process writes new files, so writers need no
lock and a reader sees only whole files. A failed read is a miss and a failed write is reported
once; neither is an error. What a layer below contains is never copied or changed.
"""

from collections.abc import Callable, Sequence

import numpy as np

from kerastl.errors import CacheError
from kerastl.features.cache.cache_layers import VARIABLE, Layer
from kerastl.features.cache.row_file import RowFile, as_keys, read_row_file, write_row_file

_ROWS_PER_FILE = 2048
_MAX_FILES = 64


class RowStore:
    """Rows of one length.

    Args:
        layer: Layer that is written, or None to store nothing.
        folder: Path in each of the layers.
        length: Length of a row, or None for the length of what is stored.
        dtype: Type of its values.
        below: Layers that are only read.
        on_write_error: Called with the reason of the first write that fails.

    Raises:
        CacheError: A layer below cannot be listed.
    """

    def __init__(
        self,
        layer: Layer | None,
        folder: str,
        length: int | None,
        dtype: type[np.generic] = np.float32,
        *,
        below: Sequence[Layer] = (),
        on_write_error: Callable[[str], None] = lambda reason: None,
    ):
        self.folder = folder
        self._layer = layer
        self._dtype = np.dtype(dtype)
        self._row_bytes = None if length is None else length * self._dtype.itemsize
        self._below = tuple(below)
        self._on_write_error = on_write_error
        self._has_failed = False
        self.has_written = False
        self._own: dict[str, RowFile] = {}
        self._others: list[RowFile] | None = None
        self._index = _Index(())
        self._keys: list[bytes] = []
        self._values: list[np.ndarray] = []

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been stored yet, here or in a layer below."""
        self._load()
        return not self._index.files

    def read_into(
        self, values: np.ndarray, rows: np.ndarray, keys: Sequence[bytes | None]
    ) -> np.ndarray:
        """Copies the rows with these keys into rows of an array; returns which were found.

        Args:
            values: `(examples, length)`.
            rows: Row of `values` for each key.
            keys: Key of each example, or None if it is not known.
        """
        self._load()
        found = np.zeros(len(keys), bool)
        asked = np.array([row for row, key in enumerate(keys) if key is not None], int)
        wanted = as_keys([key for key in keys if key is not None])
        for file, hits, places in self._index.find(wanted):
            read, intact = self._read_from(file, places)
            places = rows[asked[hits[intact]]]
            values[places] = read[intact]
            found[asked[hits[intact]]] = True
        return found

    def add(self, keys: Sequence[bytes | None], values: np.ndarray) -> None:
        """Adds rows, which `flush` writes; examples whose key is None are not stored."""
        if self._layer is None:
            return
        known = [row for row, key in enumerate(keys) if key is not None]
        self._keys.extend(key for key in keys if key is not None)
        self._values.append(np.asarray(values, self._dtype)[known])
        if len(self._keys) >= _ROWS_PER_FILE:
            self.flush()

    def flush(self) -> None:
        """Writes what was added."""
        keys, values = self._keys, self._values
        self._keys, self._values = [], []
        if self._layer is None or not keys or self._has_failed:
            return
        try:
            rows = np.concatenate(values)
            for begin in range(0, len(keys), _ROWS_PER_FILE):  # as files are read whole
                part = slice(begin, begin + _ROWS_PER_FILE)
                write_row_file(self._layer, self.folder, keys[part], rows[part])
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

    def copy_to(self, layer: Layer) -> int:
        """Writes the rows of the own layer that another one lacks to it; returns their number.

        Raises:
            OSError: The other layer cannot be written.
        """
        self._load()
        there = RowStore(layer, self.folder, None)
        there._load()
        count = 0
        pending: list[tuple[np.ndarray, np.ndarray]] = []
        for number, file in enumerate(files := list(self._own.values())):
            is_new = ~there._index.contains(file.keys)
            rows = np.flatnonzero(is_new)
            if len(rows):
                values, intact = self._read_from(file, rows)
                pending.append((file.keys[rows[intact]], values[intact]))
            num_pending = sum(len(keys) for keys, _ in pending)
            if num_pending >= _ROWS_PER_FILE or (num_pending and number == len(files) - 1):
                keys, values = map(np.concatenate, zip(*pending, strict=True))
                _, first = np.unique(keys, axis=0, return_index=True)
                write_row_file(layer, self.folder, keys[first], values[first])
                count += len(first)
                there._load()
                pending = []
        return count

    def _load(self) -> None:
        found = {} if self._layer is None else _files_of(self._layer, self.folder)
        new = {
            path: file
            for path, size in found.items()
            if path not in self._own
            and self._layer is not None
            and (file := self._open(self._layer, path, size)) is not None
        }
        if self._others is None:
            self._others = [
                file
                for layer in self._below
                for path, size in _listed(layer, self.folder).items()
                if (file := self._open(layer, path, size)) is not None
            ]
        elif not new:
            return
        self._own.update(new)
        self._index = _Index((*self._own.values(), *self._others))

    def _open(self, layer: Layer, path: str, size: int) -> RowFile | None:
        try:
            return read_row_file(layer, path, size, self._row_bytes)
        except OSError:  # deleted meanwhile
            return None
        except ValueError:
            if layer is self._layer:
                layer.remove(path)
            return None

    def _read_from(self, file: RowFile, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns rows, and which of them can be used."""
        try:
            values, intact = file.read(places)
            if file.layer is self._layer and not intact.all():
                self._save_intact(file)
        except (OSError, ValueError):  # deleted or truncated since its keys were read
            empty = np.zeros((len(places), file.row_bytes), np.uint8)
            return empty.view(self._dtype), np.zeros(len(places), bool)
        if file.layer is self._layer and intact.all():
            file.layer.mark_used(file.path)
        return values.view(self._dtype), intact

    def _save_intact(self, file: RowFile) -> None:
        """Removes a damaged file, or its rows would hide those that are computed; adds the rest."""
        values, intact = file.read(np.arange(len(file.keys)))
        file.layer.remove(file.path)
        self.add([key.tobytes() for key in file.keys[intact]], values.view(self._dtype)[intact])

    def _merge_small_files(self) -> None:
        self._load()
        if self._layer is None or len(self._own) <= _MAX_FILES:
            return
        small = [file for file in self._own.values() if len(file.keys) < _ROWS_PER_FILE]
        read = [(file, *self._read_from(file, np.arange(len(file.keys)))) for file in small]
        keys = np.concatenate([file.keys[intact] for file, _, intact in read])
        values = np.concatenate([values[intact] for _, values, intact in read])
        _, first = np.unique(keys, axis=0, return_index=True)
        if len(first):
            write_row_file(self._layer, self.folder, keys[first], values[first])
        for file in small:
            self._layer.remove(file.path)


class _Index:
    """Finds keys in files by binary search, as millions of keys are too many for a dictionary.

    Of files with the same key, the first is found. Two keys with the same first 8 bytes are taken
    for one, of which the other is a miss.
    """

    def __init__(self, files: Sequence[RowFile]):
        self.files = files
        counts = [len(file.keys) for file in files]
        keys = [file.keys for file in files]
        self._keys = np.concatenate(keys) if keys else np.empty((0, 4), np.uint64)
        self._ends = np.cumsum(counts, dtype=int)
        self._order = np.argsort(self._keys[:, 0], kind="stable")
        self._sorted = self._keys[self._order, 0]

    def contains(self, wanted: np.ndarray) -> np.ndarray:
        """Returns which of these keys are in a file."""
        return self._look_up(wanted)[1]

    def find(self, wanted: np.ndarray) -> list[tuple[RowFile, np.ndarray, np.ndarray]]:
        """Returns, for each file that is needed, the wanted keys by index, and their rows in it."""
        places, is_there = self._look_up(wanted)
        numbers = np.searchsorted(self._ends, places, side="right")
        found = []
        for number in np.unique(numbers[is_there]):
            hits = np.flatnonzero(is_there & (numbers == number))
            file = self.files[number]
            found.append((file, hits, places[hits] - (self._ends[number] - len(file.keys))))
        return found

    def _look_up(self, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if not len(self._keys) or not len(wanted):
            return np.zeros(len(wanted), int), np.zeros(len(wanted), bool)
        nearest = np.searchsorted(self._sorted, wanted[:, 0])
        places = self._order[np.minimum(nearest, len(self._order) - 1)]
        return places, (self._keys[places] == wanted).all(axis=1)


def _files_of(layer: Layer, folder: str) -> dict[str, int]:
    try:
        return layer.files(folder)
    except OSError:
        return {}


def _listed(layer: Layer, folder: str) -> dict[str, int]:
    try:
        return layer.files(folder)
    except OSError as error:
        raise CacheError(
            "A layer of the cache cannot be read.",
            where=VARIABLE,
            received=f"{layer}: {error}",
            fix="Correct it, or remove it from the variable.",
        ) from None
