"""Storage of computed features in the cache, and of the hashes of the files they came from."""

import numpy as np

from kerastl.data.inputs.batches import Inputs
from kerastl.data.inputs.streams import FileInputs, Part
from kerastl.features.cache.file_hashes import FileHashes
from kerastl.features.cache.network_stores import NetworkStores
from kerastl.features.lookup import FeatureLookup
from kerastl.files import FileStatus


class FeatureKeeper:
    """Stores the features of one network for one set of inputs.

    It must be created before any file is read, because a hash is valid only for the status that
    its file had before it was read.

    Args:
        inputs: Raw inputs of all examples.
        stores: The stores of the network.
        hashes: The stored hashes of files.
        lookup: Receives the keys of the examples that were decoded.
    """

    def __init__(
        self, inputs: Inputs, stores: NetworkStores, hashes: FileHashes, lookup: FeatureLookup
    ):
        self._paths = inputs.paths if isinstance(inputs, FileInputs) and hashes.path else ()
        self._statuses = [FileStatus.of(path) for path in self._paths]
        self._stores = stores
        self._hashes = hashes
        self._lookup = lookup
        self._hashed_rows: list[int] = []

    def add(self, part: Part, features: np.ndarray, *, engine: str) -> None:
        """Stores the features of decoded examples under the keys of the decoded bytes."""
        self._stores.store(engine).add(part.keys, features)
        hashes = part.digests or part.keys
        for row, key, file_hash in zip(map(int, part.rows), part.keys, hashes, strict=True):
            if self._lookup.file_hashes[row] is None and file_hash is not None:
                self._hashed_rows.append(row)
            self._lookup.keys[row], self._lookup.file_hashes[row] = key, file_hash

    def close(self) -> None:
        """Writes what was added."""
        if self._paths:
            self._hashes.remember(
                (self._paths[row], self._statuses[row], self._lookup.file_hashes[row] or b"")
                for row in self._hashed_rows
            )
        self._stores.close()
