"""The check of an exported model by its own runtime; run as a script in a process of its own.

Convention: nothing of kerastl is imported here, so that the model file alone is checked. The format
of Keras is the exception: its layers are those of kerastl.

The only argument is a JSON file with `format`, `model`, `settings`, `input`, `batch` (the size of
batches if it is fixed), `arrays` (files of NumPy, one example each), `joins_windows` (whether an
example is a batch of windows that has one answer) and `output`, the `.npz` file to write: the
probabilities of each head as `head/NAME`, the `seconds` of each example, and the probabilities of
the first example in a batch of several as `batch/NAME`.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

_BATCH = 3

Predict = Callable[[np.ndarray], Mapping[str, np.ndarray]]


def _saved_model(job: Mapping[str, Any]) -> Predict:
    import tensorflow as tf

    loaded = tf.saved_model.load(job["model"])
    signature = loaded.signatures["serving_default"]

    def predict(inputs: np.ndarray) -> Mapping[str, np.ndarray]:
        outputs = signature(**{job["input"]: tf.constant(inputs)})
        return {name: values.numpy() for name, values in outputs.items()}

    predict.loaded = loaded  # type: ignore[attr-defined]  # the signature alone frees its variables
    return predict


def _keras(job: Mapping[str, Any]) -> Predict:
    import tensorflow as tf

    from kerastl.run.models import load_model

    model = load_model(job["model"])
    call = tf.function(lambda inputs: model(inputs, training=False), reduce_retracing=True)
    return lambda inputs: {name: values.numpy() for name, values in call(inputs).items()}


def _litert(job: Mapping[str, Any]) -> Predict:
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(job["model"]).get_signature_runner("serving_default")
    return lambda inputs: {k: v.copy() for k, v in runner(**{job["input"]: inputs}).items()}


def _onnx(job: Mapping[str, Any]) -> Predict:
    import onnxruntime

    session = onnxruntime.InferenceSession(job["model"], providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(None, {job["input"]: inputs}), strict=True))


def _openvino(job: Mapping[str, Any]) -> Predict:
    import openvino

    model = openvino.Core().compile_model(job["model"], "CPU", job["settings"])
    names = [output.any_name for output in model.outputs]

    def predict(inputs: np.ndarray) -> Mapping[str, np.ndarray]:
        found = model({job["input"]: inputs})
        return {name: np.array(found[name]) for name in names}

    return predict


_RUNTIMES = {
    "saved_model": _saved_model,
    "keras": _keras,
    "litert": _litert,
    "onnx": _onnx,
    "openvino": _openvino,
}


def _check(job: Mapping[str, Any]) -> None:
    predict = _RUNTIMES[job["format"]](job)
    rows, seconds = [], []
    for path in job["arrays"]:
        inputs = np.load(path) if job["joins_windows"] else np.load(path)[np.newaxis]
        started = time.perf_counter()
        rows.append(predict(inputs))
        seconds.append(time.perf_counter() - started)
    first = [np.load(job["arrays"][0])] * (job["batch"] or _BATCH)
    batch = predict(np.concatenate(first) if job["joins_windows"] else np.stack(first))
    found = {f"head/{name}": np.concatenate([row[name] for row in rows]) for name in rows[0]}
    found |= {f"batch/{name}": values for name, values in batch.items()}
    if job["format"] != "keras" and "kerastl" in sys.modules:
        raise RuntimeError("kerastl was imported")
    found["seconds"] = np.array(seconds)
    np.savez(job["output"], **found)  # type: ignore[arg-type]  # the stub knows another keyword


if __name__ == "__main__":
    _check(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
