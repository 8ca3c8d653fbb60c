"""The stores of one network, one for each engine.

Convention: each engine and precision has its own store, so that the precision of a feature never
depends on what happens to be cached.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from kerastl.features.cache.feature_store import FeatureStore
from kerastl.features.cache.fingerprints import combined_fingerprint, network_fingerprint
from kerastl.features.cache.location import ENGINES, FEATURES, size_limit
from kerastl.features.cache.pruning import prune
from kerastl.progress import Progress


class NetworkStores:
    """The stores of the features of one network.

    Args:
        network: From raw input to features.
        rule: Everything else that determines the features of an example with a given key.
        cache: Folder of the cache, or None to store nothing.
        progress: Receives a warning if the cache cannot be written.
    """

    def __init__(
        self,
        network: keras.Model,
        rule: Mapping[str, Any],
        *,
        cache: Path | None,
        progress: Progress,
    ):
        self.dim = int(network.output_shape[1])
        self._cache = cache
        self._facts = {} if cache is None else _identity(network, rule)
        self._progress = progress
        self._stores: dict[str, FeatureStore] = {}

    @property
    def engine_folder(self) -> Path | None:
        """Folder of the converted network, or None without a cache."""
        if self._cache is None:
            return None
        return self._cache / ENGINES / combined_fingerprint(self._facts)

    def store(self, engine: str) -> FeatureStore:
        """Returns the store of an engine.

        Args:
            engine: Name and precision of the engine, such as `"openvino bfloat16"`.
        """
        if engine not in self._stores:
            self._stores[engine] = FeatureStore(
                self._folder(engine), self.dim, on_write_error=self._warn
            )
        return self._stores[engine]

    def close(self) -> None:
        """Writes what was added to the stores, and prunes the cache if anything was written."""
        for store in self._stores.values():
            store.close()
        if self._cache is not None and any(store.has_written for store in self._stores.values()):
            prune(self._cache, size_limit())

    def _folder(self, engine: str) -> Path | None:
        if self._cache is None:
            return None
        return self._cache / FEATURES / combined_fingerprint({**self._facts, "engine": engine})

    def _warn(self, reason: str) -> None:
        self._progress.warn(f"The cache cannot be written ({reason}); continuing without it.")


def engine_folder(network: keras.Model, rule: object, *, cache: Path) -> Path:
    """Returns the folder of the converted network for inputs that are not files."""
    return cache / ENGINES / combined_fingerprint(_identity(network, rule))


def _identity(network: keras.Model, rule: object) -> dict[str, Any]:
    return {"network": network_fingerprint(network), "rule": rule}
