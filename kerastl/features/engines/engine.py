"""The interface of engines.

Convention: an engine takes arrays and gives arrays; examples, files and windows are handled by its
caller. Keras is the reference: another engine is used only if its output agrees with that of Keras
on a sample, and its name and precision are part of the key of cached features.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np


class Engine(ABC):
    """Runs one frozen network in inference mode.

    Args:
        name: `"keras"`, `"xla"` or `"openvino"`.
        precision: Precision of the arithmetic: `"float32"`, `"bfloat16"` or `"float16"`.
        output_shape: Shape of the output for one input.
    """

    def __init__(self, name: str, precision: str, output_shape: tuple[int, ...]):
        self.name = name
        self.precision = precision
        self.output_shape = output_shape

    @property
    def label(self) -> str:
        """Name and precision, such as `"keras float32"`."""
        return f"{self.name} {self.precision}"

    @abstractmethod
    def run(self, batches: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        """Yields the float32 output for each batch, in the order of the batches.

        Args:
            batches: Arrays of one or more inputs each; the first axis is the batch.
        """
