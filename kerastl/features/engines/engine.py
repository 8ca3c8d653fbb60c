"""What an engine is.

Convention: Keras says what is right; every other engine is used only after it agreed with Keras on
examples, and its name and precision are part of the key under which its features are kept.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np

from kerastl.data.inputs.streams import Part


class Engine(ABC):
    """Passes inputs through one frozen network, in inference mode.

    Args:
        name: `"keras"`, `"xla"` or `"openvino"`.
        precision: Of the arithmetic: `"float32"`, `"bfloat16"` or `"float16"`.
        output_shape: Shape of what comes out for one example.
    """

    def __init__(self, name: str, precision: str, output_shape: tuple[int, ...]):
        self.name = name
        self.precision = precision
        self.output_shape = output_shape

    @property
    def label(self) -> str:
        """Name and precision, as users see them."""
        return f"{self.name} {self.precision}"

    @abstractmethod
    def run(self, parts: Iterator[Part]) -> Iterator[tuple[Part, np.ndarray]]:
        """Yields each part with the float32 output of its examples, in any order of parts."""
