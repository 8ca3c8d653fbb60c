"""Runtimes of exported models: from a batch of inputs to the outputs by name.

Convention: what a runtime raises for a file that is no such model is of any type, and becomes a
`RunError`. An ONNX file is run by OpenVINO where ONNX Runtime is missing.
"""

import importlib.util
from collections.abc import Callable, Mapping

import numpy as np

from kerastl_runtime.errors import RunError
from kerastl_runtime.exported_bundle import ExportedBundle

Engine = Callable[[np.ndarray], Mapping[str, np.ndarray]]
"""From inputs `(examples, *shape)` to each output, `(examples, ...)`."""


def load_engine(bundle: ExportedBundle, *, threads: int | None = None) -> Engine:
    """Returns the engine of an exported model; `threads` is None for one per processor.

    Raises:
        RunError: No runtime of its format is installed, or the file is no such model.
    """
    engines = _ENGINES[bundle.format]
    package = next((name for name in engines if _is_there(name)), None)
    if package is None:
        raise _not_installed(bundle)
    try:
        return engines[package](bundle, threads)
    except Exception as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise RunError(
            f"The exported model cannot be loaded by {package}.",
            where=str(bundle.model),
            received=text[:300],
            fix="Export the run again, or install a newer version of that package.",
        ) from error


def is_installed(kind: str) -> bool:
    """Whether a runtime of a format is installed."""
    return any(_is_there(package) for package in _ENGINES[kind])


def _is_there(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _onnx(bundle: ExportedBundle, threads: int | None) -> Engine:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    if threads is not None:
        options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        str(bundle.model), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(
        zip(names, session.run(None, {bundle.input_name: inputs}), strict=True)
    )


def _openvino(bundle: ExportedBundle, threads: int | None) -> Engine:
    import openvino

    # Without, processors with bfloat16 compute in it, and probabilities differ by up to 0.15.
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    if threads is not None:
        settings["INFERENCE_NUM_THREADS"] = str(threads)
    model = openvino.Core().compile_model(str(bundle.model), "CPU", settings)
    names = [output.any_name for output in model.outputs]

    def run(inputs: np.ndarray) -> Mapping[str, np.ndarray]:
        found = model({bundle.input_name: inputs})
        return {name: np.array(found[name]) for name in names}

    return run


def _litert(bundle: ExportedBundle, threads: int | None) -> Engine:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(bundle.model), num_threads=threads)
    runner = interpreter.get_signature_runner("serving_default")
    return lambda inputs: {
        name: values.copy() for name, values in runner(**{bundle.input_name: inputs}).items()
    }


_Load = Callable[[ExportedBundle, int | None], Engine]
_ENGINES: Mapping[str, Mapping[str, _Load]] = {
    "onnx": {"onnxruntime": _onnx, "openvino": _openvino},
    "openvino": {"openvino": _openvino},
    "litert": {"ai_edge_litert": _litert},
}


def _not_installed(bundle: ExportedBundle) -> RunError:
    packages = " or ".join(_ENGINES[bundle.format])
    return RunError(
        f"A model of the format {bundle.format} needs {packages}.",
        where=str(bundle.model),
        fix=f"pip install 'kerastl-runtime[{bundle.format}]'",
    )
