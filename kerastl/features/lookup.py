"""Lookup of cached features: the keys of examples, and the features that are stored under them."""

from collections.abc import Iterable, Sequence

import numpy as np

from kerastl.data.inputs.batches import Inputs
from kerastl.data.inputs.streams import FileInputs
from kerastl.features.cache.file_hashes import FileHashes
from kerastl.features.cache.network_stores import NetworkStores


class FeatureLookup:
    """Finds the cached features of one network for one set of inputs.

    Args:
        inputs: Raw inputs of all examples; only files have keys.
        stores: The stores of the network.
        hashes: The stored hashes of files.
    """

    def __init__(self, inputs: Inputs, stores: NetworkStores, hashes: FileHashes):
        self.keys: list[bytes | None] = [None] * len(inputs)
        self.file_hashes: list[bytes | None] = [None] * len(inputs)
        self._inputs = inputs
        self._stores = stores
        self._hashes = hashes

    def find_keys(self, engines: Iterable[str]) -> None:
        """Finds the keys of all examples, unless the stores of these engines are all empty."""
        if not isinstance(self._inputs, FileInputs):
            return
        if any(not self._stores.store(engine).is_empty for engine in engines):
            self.file_hashes = self._hashes.hash_files(self._inputs.paths)
            self.keys = self._inputs.keys_of(self.file_hashes)

    def read_into(self, values: np.ndarray, rows: np.ndarray, *, engine: str) -> np.ndarray:
        """Copies the cached features of examples into an array.

        Args:
            values: `(examples, dim)`; the rows that are found are overwritten.
            rows: Indices of the examples.
            engine: Engine that computed the features.

        Returns:
            The indices of the examples that are not cached.
        """
        found = self._stores.store(engine).read_into(values, rows, [self.keys[r] for r in rows])
        return rows[~found]

    def read_common(self, engines: Sequence[str]) -> dict[str, np.ndarray]:
        """Returns the features of all examples that are cached for every one of these engines."""
        rows = np.arange(len(self.keys))
        found: dict[str, np.ndarray] = {}
        for engine in engines:
            values = np.zeros((len(rows), self._stores.dim), np.float32)
            keys = [self.keys[row] for row in rows]
            is_found = self._stores.store(engine).read_into(values, np.arange(len(rows)), keys)
            found = {name: features[is_found] for name, features in found.items()}
            found[engine] = values[is_found]
            rows = rows[is_found]
        return found
