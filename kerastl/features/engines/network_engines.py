"""The engines for one network, created on first use, and their output for a sample of inputs."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerastl.features.engines import openvino_engine
from kerastl.features.engines.engine import XLA_NAME, Engine
from kerastl.features.engines.extractor_engine import ExtractorEngine
from kerastl.features.network import Network
from kerastl.progress import SILENT, Progress

if TYPE_CHECKING:
    from kerastl.features.engines.keras_engine import KerasEngine


@dataclass(kw_only=True)
class NetworkEngines:
    """The engines for one network.

    Args:
        network: From raw input to features.
        dtype: Type of the input arrays.
        sample: Returns raw inputs of the examples on which engines are compared.
        folder: Folder for the converted network, or None to store nothing.
        num_examples: Number of examples that the engines will compute; may be set until the
            first engine is created.
        progress: Receives a note about each engine that is tried.
    """

    network: Network
    dtype: np.dtype
    sample: Callable[[], np.ndarray]
    folder: Path | None = None
    num_examples: int = 2**31
    progress: Progress = SILENT
    _engines: dict[str, Engine] = field(default_factory=dict, init=False)
    _failed: set[str] = field(default_factory=set, init=False)
    _outputs: dict[str, tuple[np.ndarray, float]] = field(default_factory=dict, init=False)

    def engine(self, label: str) -> Engine:
        """Returns the engine with a label, or the reference if that cannot run the network."""
        if label not in self._engines:
            self._engines[label] = self._create(label)
        return self._engines[label]

    @cached_property
    def reference(self) -> Engine:
        """Keras in float32, or ONNX Runtime for a network that is no Keras model."""
        if self.network.extractor is None:
            return self._keras
        return ExtractorEngine(self.network.extractor)

    @property
    def reference_output(self) -> np.ndarray:
        """Output of the reference for the sample."""
        return self._reference_output.result()

    def sample_output(self, label: str) -> np.ndarray:
        """Returns the output of an engine for the sample."""
        if label == self.network.reference:
            return self.reference_output
        return self.timed_sample_output(label)[0]

    def computed_output(self, label: str) -> np.ndarray | None:
        """Returns the output of an engine for the sample if it has been computed, else None."""
        if label == self.network.reference and "_reference_output" in vars(self):
            return self.reference_output
        return self._outputs[label][0] if label in self._outputs else None

    def timed_sample_output(self, label: str) -> tuple[np.ndarray, float]:
        """Returns the output of an engine for the sample, and its speed in examples per second."""
        if label not in self._outputs:
            self._outputs[label] = self.engine(label).timed_output(self._sample)
        return self._outputs[label]

    def _create(self, label: str) -> Engine:
        name, precision = label.split()
        if label == self.network.reference or name in self._failed:
            return self.reference
        try:
            if name == XLA_NAME:
                from kerastl.features.engines.keras_engine import mixed_precision_engine

                return mixed_precision_engine(self.network.model, self.dtype)
            return openvino_engine.OpenvinoEngine(
                self._converted, precision, self.network.output_shape
            )
        except Exception as error:
            # Converters raise errors of any type for operations that they do not support.
            self.progress.note(f"{name} cannot run this network ({_first_reason(error)}).")
            self._failed.add(name)
            return self.reference

    @cached_property
    def _sample(self) -> np.ndarray:
        return self.sample()

    @cached_property
    def _reference_output(self) -> Future[np.ndarray]:
        """Computed in a thread, while the network is converted."""
        pool = ThreadPoolExecutor(1)
        output = pool.submit(lambda: self.reference.output(self._sample))
        pool.shutdown(wait=False)
        return output

    @cached_property
    def _keras(self) -> "KerasEngine":
        from kerastl.features.engines.keras_engine import KerasEngine

        return KerasEngine(self.network.model, self.dtype, num_examples=self.num_examples)

    @cached_property
    def _converted(self) -> Any:
        extractor = self.network.extractor
        if extractor is not None:
            return openvino_engine.converted(
                lambda: openvino_engine.from_onnx(extractor.model, self.dtype), self.folder
            )
        if not openvino_engine.is_stored(self.folder):
            # Traced before the thread starts, which would otherwise trace it a second time.
            _ = self._keras.concrete_function, self._reference_output
        return openvino_engine.converted(
            lambda: openvino_engine.from_tensorflow(self._keras.concrete_function), self.folder
        )


def _first_reason(error: Exception) -> str:
    """Returns the first line that states a reason; such lines of OpenVINO begin with dashes."""
    lines = (str(error).strip() or type(error).__name__).splitlines()
    reasons = [line.removeprefix("-- ") for line in lines if line.startswith("-- ")]
    return (reasons or lines)[0][:120]
