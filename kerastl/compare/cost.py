"""The cost of a trial: seconds to train, weights, bytes on disk, milliseconds per example."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerastl.runs import Run

_BATCH = 32
_REPEATS = 5


@dataclass(frozen=True, kw_only=True)
class TrialCost:
    """The cost of one trial; None if it was not measured.

    Args:
        parameters: Number of weights.
        trainable_parameters: Number of trainable weights.
        bytes: Size of the model file.
        milliseconds_per_example: Time of inference.
        seconds: Time of training, over all interruptions.
        epochs: Number of epochs in all phases; None until the trial is finished.
    """

    parameters: int | None = None
    trainable_parameters: int | None = None
    bytes: int | None = None
    milliseconds_per_example: float | None = None
    seconds: float | None = None
    epochs: int | None = None


def measure_cost(run: Run) -> TrialCost:
    """Returns the cost of storing and using a finished run.

    The time of inference is the median over several batches of 32 through the Keras model, after a
    warm-up batch, on this machine under its present load.

    Args:
        run: A finished run.
    """
    model = run.model
    weights = [w for w in model.weights if "seed_generator" not in w.path]
    return TrialCost(
        parameters=int(sum(np.prod(w.shape) for w in weights)),
        trainable_parameters=int(sum(np.prod(w.shape) for w in model.trainable_weights)),
        bytes=run.record.layout.model.stat().st_size,
        milliseconds_per_example=_inference_milliseconds(model),
    )


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
    """Returns the number of epochs of a finished run in all its phases."""
    history = run.record.history
    return int((history["epoch"] > 0).sum()) if len(history) else 0
