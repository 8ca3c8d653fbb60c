"""OpenVINO on the processor: the converted network, fed with small batches, two at a time.

Convention: converting costs seconds, so the converted network is kept in the cache; small batches
are faster than large ones because the values between two layers stay in the processor's caches.
"""

import importlib.util
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerastl.data.inputs.streams import Part
from kerastl.features.cache.folder import touch
from kerastl.features.engines.engine import Engine
from kerastl.files import temporary_path

if TYPE_CHECKING:
    from kerastl.features.engines.keras_engine import KerasEngine

NAME = "openvino"
PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}

_MODEL = "model.xml"
_BATCH_VALUES = 40_000  # inputs per batch: a batch of 1 from about 115 px on, 8 at 40 px
_MAX_BATCH = 8


class OpenvinoEngine(Engine):
    """A converted network, compiled for this processor.

    Args:
        model: The `openvino.Model`, with a free first axis.
        precision: `"float32"` or `"bfloat16"`.
        output_shape: Shape of what comes out for one example.
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

    def run(self, parts: Iterator[Part]) -> Iterator[tuple[Part, np.ndarray]]:
        """Yields each part with its output, in their order.

        Requests are waited for and never call back: OpenVINO's threads would need Python's lock
        for that, and whoever lets go of the network meanwhile would wait for them forever.
        """
        free = [self._compiled.create_infer_request() for _ in range(self._num_requests)]
        running: deque[tuple[Any, _Job, int]] = deque()
        for part in parts:
            job = _Job(part, self.output_shape, self._batch_size)
            for begin in range(0, len(part.rows), self._batch_size):
                if not free:
                    yield from _finish_first(running, free)
                request = free.pop()
                request.start_async({0: self._filled(part.values, begin)})
                running.append((request, job, begin))
        while running:
            yield from _finish_first(running, free)

    def _filled(self, values: np.ndarray, begin: int) -> np.ndarray:
        batch = values[begin : begin + self._batch_size]
        missing = self._batch_size - len(batch)
        if not missing:
            return np.ascontiguousarray(batch)
        return np.concatenate([batch, np.repeat(batch[-1:], missing, axis=0)])


class _Job:
    """A part on its way through the engine."""

    def __init__(self, part: Part, output_shape: tuple[int, ...], batch_size: int):
        self._part = part
        self._output = np.empty((len(part.rows), *output_shape), np.float32)
        self._num_open = -(-len(part.rows) // batch_size)

    def take(self, output: np.ndarray, begin: int) -> bool:
        """Stores the output of a batch; returns whether it was the last one."""
        place = self._output[begin : begin + len(output)]
        place[...] = output[: len(place)]
        self._num_open -= 1
        return self._num_open == 0

    @property
    def result(self) -> tuple[Part, np.ndarray]:
        """The part and its output."""
        return self._part, self._output


def _finish_first(
    running: deque[tuple[Any, _Job, int]], free: list[Any]
) -> Iterator[tuple[Part, np.ndarray]]:
    """Waits for the oldest request; yields its part where that was the last batch of it."""
    request, job, begin = running.popleft()
    request.wait()
    is_done = job.take(request.get_output_tensor(0).data, begin)
    free.append(request)
    if is_done:
        yield job.result


def is_installed() -> bool:
    """Whether OpenVINO can be imported; doesn't import it."""
    return importlib.util.find_spec("openvino") is not None


def is_kept(folder: Path | None) -> bool:
    """Whether a folder holds a converted network, so that nothing has to be converted."""
    return folder is not None and (folder / _MODEL).is_file()


def precisions() -> tuple[str, ...]:
    """Returns the precisions in which this processor is fast, the fastest first."""
    import openvino

    able = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return ("bfloat16", "float32") if "BF16" in able else ("float32",)


def converted(engine: "KerasEngine", folder: Path | None) -> Any:
    """Returns the network as an OpenVINO model, from the cache where it lies there.

    Args:
        engine: The reference, whose traced function is converted.
        folder: Where the converted network is kept, or None.

    Raises:
        Exception: Whatever OpenVINO raises about operations that it doesn't know.
    """
    import openvino
    from openvino.frontend import FrontEndManager
    from openvino.frontend.tensorflow.utils import create_tf_graph_iterator

    if folder is not None and is_kept(folder):
        touch(folder / _MODEL)
        return openvino.Core().read_model(folder / _MODEL)
    # openvino.convert_model does the same in twice the time, and reports to its makers.
    frontend = FrontEndManager().load_by_framework("tf")
    graph = create_tf_graph_iterator(engine.concrete_function, None, None, None, True)
    model = frontend.convert(frontend.load(graph))
    if folder is not None:
        _keep(model, folder)
    return model


def _keep(model: Any, folder: Path) -> None:
    """Writes the model into a folder that appears whole or not at all."""
    import openvino

    temporary = temporary_path(folder)
    try:
        temporary.mkdir(parents=True)
        openvino.save_model(model, temporary / _MODEL, compress_to_fp16=False)
        temporary.rename(folder)
    except (OSError, RuntimeError):  # no room, no permission, or another process was faster
        for leftover in temporary.glob("*"):
            leftover.unlink(missing_ok=True)
        if temporary.is_dir():
            temporary.rmdir()
