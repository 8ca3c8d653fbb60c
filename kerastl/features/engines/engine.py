"""The interface of engines.

Convention: an engine takes arrays and gives arrays; examples, files and windows are handled by its
caller. Keras is the reference: another engine is used only if its output agrees with that of Keras
on a sample, and its name and precision are part of the key of cached features.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Literal

import numpy as np

EngineName = Literal["auto", "keras", "openvino", "onnxruntime"]
XLA_NAME = "xla"
EAGER_EXAMPLES = 48  # tracing a network takes about as long as running it on so many examples


class Engine(ABC):
    """Runs one frozen network in inference mode.

    Args:
        name: `"keras"`, `"xla"`, `"openvino"` or `"onnxruntime"`.
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
        """Yields the float32 output for each batch of one or more inputs, in their order."""

    def output(self, inputs: np.ndarray) -> np.ndarray:
        """Returns the output for the inputs, which run in batches of about 16."""
        batches = np.array_split(inputs, max(1, len(inputs) // 16)) if len(inputs) else []
        empty = np.zeros((0, *self.output_shape), np.float32)
        return np.concatenate([empty, *self.run(iter(batches))])

    def timed_output(self, inputs: np.ndarray) -> tuple[np.ndarray, float]:
        """Returns the output for the inputs, and the speed in examples per second.

        The first eighth of the inputs warms the engine up. The speed is that of the faster half of
        the others, because other programs on the machine can only slow it down.
        """
        first = max(1, len(inputs) // 8)
        middle = (first + len(inputs)) // 2
        outputs, speeds = [self.output(inputs[:first])], []
        for chunk in (inputs[first:middle], inputs[middle:]):
            started = time.perf_counter()
            outputs.append(self.output(chunk))
            speeds.append(len(chunk) / max(time.perf_counter() - started, 1e-9))
        return np.concatenate(outputs), max(speeds)
