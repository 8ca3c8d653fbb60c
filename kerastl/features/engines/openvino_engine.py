"""OpenVINO as an engine: the converted network on the CPU, in small batches.

Convention: conversion takes seconds, so the converted network is cached. Small batches are faster
than large ones because the activations between two layers stay in the caches of the CPU.
"""

import importlib.util
import json
import shutil
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kerastl.features.cache.location import touch
from kerastl.features.engines.engine import Engine
from kerastl.files import temporary_path, write_json
from kerastl_runtime.files import file_sha256

NAME = "openvino"
PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}

_MODEL, _WEIGHTS, _HASHES = "model.xml", "model.bin", "hashes.json"
_BATCH_VALUES = 40_000  # input values per batch: a batch of 1 from about 115 px on, 8 at 40 px
_MAX_BATCH = 8


class OpenvinoEngine(Engine):
    """A converted network, compiled for this CPU.

    Args:
        model: The `openvino.Model`, with a batch axis of any length.
        precision: `"float32"` or `"bfloat16"`.
        output_shape: Shape of the output for one input.
    """

    def __init__(self, model: Any, precision: str, output_shape: tuple[int, ...]):
        super().__init__(NAME, precision, output_shape)
        import openvino

        shape = [side.get_length() for side in list(model.input(0).partial_shape)[1:]]
        self._batch_size = max(1, min(_MAX_BATCH, _BATCH_VALUES // int(np.prod(shape))))
        fixed = model.clone()
        fixed.reshape([self._batch_size, *shape])
        settings = {
            "PERFORMANCE_HINT": "THROUGHPUT",
            "INFERENCE_PRECISION_HINT": PRECISIONS[precision],
        }
        self._compiled = openvino.Core().compile_model(fixed, "CPU", settings)
        self._num_requests = self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")

    def run(self, batches: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        """Yields the float32 output for each batch, with as many requests in flight as pay off.

        Requests are polled and never call back: a callback needs the GIL in a thread of OpenVINO,
        and deleting the network while holding the GIL would wait for that thread forever.
        """
        free = [self._compiled.create_infer_request() for _ in range(self._num_requests)]
        running: deque[_Running] = deque()
        for batch in batches:
            output = np.empty((len(batch), *self.output_shape), np.float32)
            for begin in range(0, len(batch), self._batch_size):
                if not free:
                    yield from _finish_oldest(running, free)
                request = free.pop()
                request.start_async({0: self._padded(batch[begin : begin + self._batch_size])})
                running.append(_Running(request, output, begin))
        while running:
            yield from _finish_oldest(running, free)

    def _padded(self, inputs: np.ndarray) -> np.ndarray:
        num_missing = self._batch_size - len(inputs)
        if not num_missing:
            return np.ascontiguousarray(inputs)
        return np.concatenate([inputs, np.repeat(inputs[-1:], num_missing, axis=0)])


class _Running(NamedTuple):
    """A request in flight, which computes the rows of `output` from `begin` on."""

    request: Any
    output: np.ndarray
    begin: int


def _finish_oldest(running: deque[_Running], free: list[Any]) -> Iterator[np.ndarray]:
    """Waits for the oldest request; yields the output of its batch if it was the last of it."""
    oldest = running.popleft()
    oldest.request.wait()
    computed = oldest.request.get_output_tensor(0).data
    place = oldest.output[oldest.begin : oldest.begin + len(computed)]
    place[...] = computed[: len(place)]
    free.append(oldest.request)
    if oldest.begin + len(computed) >= len(oldest.output):
        yield oldest.output


def is_installed() -> bool:
    """Returns whether OpenVINO is installed, without importing it."""
    return importlib.util.find_spec("openvino") is not None


def is_stored(folder: Path | None) -> bool:
    """Returns whether a folder contains a converted network."""
    return folder is not None and (folder / _MODEL).is_file()


def precisions() -> tuple[str, ...]:
    """Returns the precisions that this CPU supports in hardware, fastest first; or none."""
    if not is_installed():
        return ()
    import openvino

    able = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return ("bfloat16", "float32") if "BF16" in able else ("float32",)


def converted(convert: Callable[[], Any], folder: Path | None) -> Any:
    """Returns a network as an OpenVINO model, from `folder` if it is stored there.

    Raises:
        Exception: OpenVINO cannot convert the network.
    """
    import openvino

    if folder is not None and is_stored(folder):
        if _is_intact(folder):
            touch(folder / _MODEL)
            return openvino.Core().read_model(folder / _MODEL)
        shutil.rmtree(folder, ignore_errors=True)  # with what was measured of it
    model = convert()
    if folder is not None:
        _store(model, folder)
    return model


def from_tensorflow(function: Any) -> Any:
    """Returns a concrete function of TensorFlow as an OpenVINO model."""
    from openvino.frontend import FrontEndManager
    from openvino.frontend.tensorflow.utils import create_tf_graph_iterator

    # openvino.convert_model takes twice as long and sends telemetry.
    frontend = FrontEndManager().load_by_framework("tf")
    graph = create_tf_graph_iterator(function, None, None, None, True)
    return frontend.convert(frontend.load(graph))


def from_onnx(model: Any, dtype: np.dtype) -> Any:
    """Returns an ONNX model as an OpenVINO model whose input has another type."""
    import openvino
    from openvino.preprocess import PrePostProcessor

    read = openvino.Core().read_model(model.SerializeToString())
    processor = PrePostProcessor(read)
    processor.input().tensor().set_element_type(openvino.Type(dtype))
    return processor.build()


def _is_intact(folder: Path) -> bool:
    """Returns whether the files of a stored network are as they were written."""
    try:
        return bool(json.loads((folder / _HASHES).read_text()) == _hashes(folder))
    except (OSError, ValueError):
        return False


def _hashes(folder: Path) -> dict[str, str]:
    return {name: file_sha256(folder / name).hex() for name in (_MODEL, _WEIGHTS)}


def _store(model: Any, folder: Path) -> None:
    """Writes the model into a temporary folder that is then renamed."""
    import openvino

    temporary = temporary_path(folder)
    try:
        temporary.mkdir(parents=True)
        openvino.save_model(model, temporary / _MODEL, compress_to_fp16=False)
        write_json(temporary / _HASHES, _hashes(temporary))
        temporary.rename(folder)
    except (OSError, RuntimeError):  # disk full, no permission, or another process was faster
        shutil.rmtree(temporary, ignore_errors=True)
