"""The abstract decoder: from a file to the inputs of a model.

Convention: a decoder reads, decodes and hashes an example in one step, so that the hash is that of
the very bytes that were decoded.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerastl_runtime.media_file import MediaFile

Cut = tuple[float | None, ...]
"""The part of its file that an example is: a number for each of `MediaType.cut_columns`."""
WHOLE: Cut = ()


@dataclass(frozen=True, kw_only=True)
class DecodedExample:
    """One decoded example."""

    values: np.ndarray  # its inputs, `(inputs, *shape)`: one, or several windows
    digest: bytes | None  # SHA-256 of its file, or None if the file changed while it was read


class Decoder(ABC):
    """Decodes files as an input contract says.

    `rule` is everything besides the bytes that determines the inputs; part of the cache's key.
    """

    def __init__(self, dtype: np.typing.DTypeLike, rule: Mapping[str, Any]):
        self.dtype = np.dtype(dtype)  # of the inputs
        self.rule = rule

    @abstractmethod
    def load(self, file: MediaFile, cut: Cut = WHOLE) -> DecodedExample:
        """Reads one example, or raises a `MediaError`."""

    def load_unfitted(self, file: MediaFile, cut: Cut = WHOLE) -> np.ndarray:
        """Reads one input as a model with the layer of `MediaType.fitting` takes it.

        Where no input of another extent gives exactly that of `load`, it is the same.
        """
        inputs = self.load(file, cut).values
        return np.asarray(inputs[self.representative(inputs)])

    @abstractmethod
    def noise(self, count: int) -> np.ndarray:
        """Returns random inputs on which engines are compared if there are too few examples."""

    def representative(self, inputs: np.ndarray) -> int:
        """Returns the index of the input that stands for an example of several inputs."""
        return 0
