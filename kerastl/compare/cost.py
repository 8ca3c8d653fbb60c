"""What a side costs: seconds to train, weights, bytes on disk, milliseconds per example."""

import time
from typing import Any

import numpy as np

from kerastl.runs import Run

_BATCH = 32
_REPEATS = 5


def measure_cost(run: Run) -> dict[str, Any]:
    """Returns what a finished run costs to keep and to use.

    The time of inference is the median of a few batches of 32 through the Keras model, after one
    that isn't counted, on this machine with whatever else it does.

    Args:
        run: A finished run.
    """
    model = run.model
    weights = [w for w in model.weights if "seed_generator" not in w.path]
    return {
        "parameters": int(sum(np.prod(w.shape) for w in weights)),
        "trainable_parameters": int(sum(np.prod(w.shape) for w in model.trainable_weights)),
        "bytes": run.record.layout.model.stat().st_size,
        "milliseconds_per_example": _inference_milliseconds(model),
    }


def _inference_milliseconds(model: Any) -> float:
    batch = np.zeros((_BATCH, *(length or 1 for length in model.input_shape[1:])), np.float32)
    model.predict_on_batch(batch)
    seconds = []
    for _ in range(_REPEATS):
        started = time.perf_counter()
        model.predict_on_batch(batch)
        seconds.append(time.perf_counter() - started)
    return 1000 * float(np.median(seconds)) / _BATCH


def num_epochs(run: Run) -> int:
    """Returns how many epochs a finished run took in all its phases."""
    history = run.record.history
    return int((history["epoch"] > 0).sum()) if len(history) else 0
