"""The cached features of one network for the examples of one set of inputs.

Convention: each engine and precision has its own store, so that the precision of a feature never
depends on what happens to be cached.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import methodcaller
from pathlib import Path
from typing import Any

import numpy as np

from kerastl.backbones.fingerprints import combined_fingerprint
from kerastl.data.inputs.batches import Inputs
from kerastl.data.inputs.streams import FileInputs, Part, stream_inputs
from kerastl.features.cache.cache_layers import FolderLayer, layers_below
from kerastl.features.cache.file_hashes import FileHashes
from kerastl.features.cache.location import ENGINES, FEATURES, size_limit
from kerastl.features.cache.pruning import prune
from kerastl.features.cache.row_store import RowStore
from kerastl.features.engines.selection import Purpose
from kerastl.features.network import Network
from kerastl.progress import Progress
from kerastl_runtime.media_file import ask_each


@dataclass(frozen=True, kw_only=True)
class Lookup:
    """What the cache lacks of some examples, for one engine."""

    engine: str
    rows: np.ndarray  # indices of the examples
    missing: np.ndarray  # indices of the examples that are not cached
    parts: Iterator[Part]  # inputs of the missing examples, which threads decode already


@dataclass(frozen=True, kw_only=True)
class CacheEntries:
    """What the cache stores of some examples in one store."""

    store: str  # name of its folder
    rows: np.ndarray  # indices of the examples
    keys: list[bytes | None]  # None if the file is unreadable
    values: np.ndarray  # `(examples, dim)` float32


class CachedFeatures:
    """Finds and stores the features of examples under the keys of their files' contents.

    It must be created before any file is read, because a hash is valid only for the version that
    its file had before it was read.

    Args:
        network: From raw input to features.
        inputs: Raw inputs of all examples; only files are cached.
        num_examples: Their number.
        cache: Folder of the cache, or None to use none.
        progress: Receives a warning if the cache cannot be written.
        is_whole: Whether cached features are used for all of the wanted examples or for none, so
            that the batches of a resumed training do not depend on where it was interrupted.
    """

    def __init__(
        self,
        network: Network,
        inputs: Inputs,
        num_examples: int,
        *,
        cache: Path | None,
        progress: Progress,
        is_whole: bool = False,
    ):
        self.dim = network.output_shape[0]
        self._reference = network.reference
        self.cache = cache
        self.is_whole = is_whole
        self._inputs = inputs
        self._files = inputs if cache is not None and isinstance(inputs, FileInputs) else None
        self._cache = None if self._files is None else cache
        self._identity = {} if self._files is None else _identity(network, self._files.rule)
        self.engine_folder = self._cache and engine_folder(
            network, self._files and self._files.decoding_rule, cache=self._cache
        )
        """Folder of the converted network, or None without a cache."""
        files = () if self._files is None else self._files.files
        self._versions = ask_each(files, methodcaller("version"))
        self._hashes = FileHashes(self._cache)
        self._below = () if self._cache is None else layers_below()
        self._keys: list[bytes | None] = [None] * num_examples
        self._file_hashes: list[bytes | None] = [None] * num_examples
        self._hashed_rows: list[int] = []
        self._stores: dict[str, RowStore] = {}
        self._progress = progress

    def store(self, engine: str) -> RowStore:
        """Returns the store of the engine with a label such as `"openvino bfloat16"`."""
        if engine not in self._stores:
            self._stores[engine] = RowStore(
                None if self._cache is None else FolderLayer(self._cache),
                f"{FEATURES}/{self._store_name(engine)}",
                self.dim,
                below=self._below,
                on_write_error=self._warn,
            )
        return self._stores[engine]

    def look_up(
        self, values: np.ndarray, wanted: Mapping[Purpose, tuple[np.ndarray, str]]
    ) -> dict[Purpose, Lookup]:
        """Copies cached features into `(examples, dim)`; threads begin to decode what is missing.

        Files are hashed only if something can be cached.

        Args:
            values: Receives the features.
            wanted: Purpose to the rows and the label of their engine.
        """
        engines = {self._reference, *(engine for _, engine in wanted.values())}
        if self._files is not None and any(not self.store(engine).is_empty for engine in engines):
            self._file_hashes = self._hashes.hash_files(self._files.files)
            self._keys = self._files.keys_of(self._file_hashes)
        return {
            purpose: self.look_up_rows(values, rows, engine)
            for purpose, (rows, engine) in wanted.items()
        }

    def look_up_rows(self, values: np.ndarray, rows: np.ndarray, engine: str) -> Lookup:
        """Does the same for one purpose, after `look_up` has hashed the files."""
        missing = self.read_into(values, rows, engine=engine)
        return Lookup(engine=engine, rows=rows, missing=missing, parts=self.stream(missing))

    def stream(self, rows: np.ndarray) -> Iterator[Part]:
        """Returns the inputs of these examples; threads begin to decode them."""
        return stream_inputs(self._inputs, rows) if len(rows) else iter(())

    def read_into(self, values: np.ndarray, rows: np.ndarray, *, engine: str) -> np.ndarray:
        """Copies cached features into these rows of `(examples, dim)`; returns the other rows."""
        left = rows[~self._read(values, rows, rows, engine)]
        return rows if self.is_whole and len(left) else left

    def read(self, rows: np.ndarray, *, engine: str) -> tuple[np.ndarray, np.ndarray]:
        """Returns the features of these examples, and which of them are cached."""
        values = np.zeros((len(rows), self.dim), np.float32)
        return values, self._read(values, np.arange(len(rows)), rows, engine)

    def add(self, part: Part, features: np.ndarray, *, engine: str) -> None:
        """Stores the features of decoded examples under the keys of the decoded bytes."""
        self.store(engine).add(part.keys, features)
        hashes = part.digests or part.keys
        for row, key, file_hash in zip(map(int, part.rows), part.keys, hashes, strict=True):
            if self._file_hashes[row] is None and file_hash is not None:
                self._hashed_rows.append(row)
            self._keys[row], self._file_hashes[row] = key, file_hash

    def add_rows(self, rows: np.ndarray, features: np.ndarray, *, engine: str) -> None:
        """Stores the features of examples that were hashed or decoded before."""
        self.store(engine).add([self._keys[row] for row in rows], features)

    def entries(self, rows: np.ndarray, values: np.ndarray, *, engine: str) -> CacheEntries:
        """Returns the entries of examples that were hashed or decoded; `values` are of all."""
        keys = [self._keys[row] for row in rows]
        return CacheEntries(
            store=self._store_name(engine), rows=rows, keys=keys, values=values[rows]
        )

    def close(self) -> None:
        """Writes what was added, and prunes the cache if it has grown."""
        if self._files is not None:
            self._hashes.remember(
                (self._files.files[row], self._versions[row], self._file_hashes[row] or b"")
                for row in self._hashed_rows
            )
            self._hashed_rows = []
        for store in self._stores.values():
            store.close()
        if self._cache and any(store.has_written for store in self._stores.values()):
            prune(self._cache, size_limit())

    def _store_name(self, engine: str) -> str:
        return combined_fingerprint({**self._identity, "engine": engine})

    def _read(
        self, values: np.ndarray, places: np.ndarray, rows: np.ndarray, engine: str
    ) -> np.ndarray:
        return self.store(engine).read_into(values, places, [self._keys[row] for row in rows])

    def _warn(self, reason: str) -> None:
        self._progress.warn(f"The cache cannot be written ({reason}); continuing without it.")


def engine_folder(network: Network, rule: object, *, cache: Path) -> Path:
    """Returns the folder of the converted network for inputs that are made by a rule."""
    return cache / ENGINES / combined_fingerprint(_identity(network, rule))


def _identity(network: Network, rule: object) -> dict[str, Any]:
    """Returns everything that determines the features of an example with a given key."""
    return {"network": network.fingerprint, "rule": rule}
