"""Copying what a cache stores to a layer that others read."""

from dataclasses import dataclass
from pathlib import Path

from kerastl.errors import CacheError
from kerastl.features.cache.cache_layers import FolderLayer, Layer
from kerastl.features.cache.location import FEATURES, HASHES
from kerastl.features.cache.row_store import RowStore


@dataclass(frozen=True, kw_only=True)
class Published:
    """What another layer lacked."""

    features: int  # number of vectors
    hashes: int  # number of files


def publish(cache: Path, layer: Layer) -> Published:
    """Copies the features and hashes of a cache that a layer lacks to it.

    Raises:
        CacheError: The layer cannot be written; what was copied stays there.
    """
    own = FolderLayer(cache)
    try:
        stores = own.folders(FEATURES)
        return Published(
            features=sum(RowStore(own, store, None).copy_to(layer) for store in stores),
            hashes=RowStore(own, HASHES, None).copy_to(layer),
        )
    except OSError as error:
        raise CacheError(
            "The cache cannot be copied.",
            where=str(layer),
            received=error.strerror or str(error),
            fix="Make room or get permission to write there, and do it again: what is there "
            "already is not copied twice.",
        ) from None
