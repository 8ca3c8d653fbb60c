"""The cost of a variant: seconds to train, weights, bytes on disk, milliseconds per example."""

import timeit
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kerastl.errors import counted
from kerastl.runs import Run

_BATCH = 32
_REPEATS = 5
_MEASURED = ("parameters", "trainable_parameters", "bytes", "milliseconds_per_example", "seconds")


@dataclass(frozen=True, kw_only=True)
class TrialCost:
    """The cost of one trial; None if it was not measured."""

    parameters: int | None = None
    trainable_parameters: int | None = None
    bytes: int | None = None  # of the model file
    milliseconds_per_example: float | None = None  # of inference
    seconds: float | None = None  # of training, over all interruptions
    epochs: int | None = None  # in all phases; None until the trial is finished


@dataclass(frozen=True, kw_only=True)
class VariantCost:
    """Medians over the trials of a variant, NaN if not measured."""

    parameters: float
    trainable_parameters: float
    bytes: float
    milliseconds_per_example: float
    seconds: float
    epochs: tuple[int | None, ...]  # of each trial


def measure_cost(run: Run) -> TrialCost:
    """Returns the cost of storing and using a finished run.

    The time of inference is the median over several batches of 32 through the Keras model, and ONNX
    Runtime if that is its backbone, after a warm-up batch, on this machine under its present load.
    """
    model, extractor = run.model, run.trained.extractor
    viewed = None if extractor is None else extractor.viewed(run.trained.views)
    shape = model.input_shape[1:] if viewed is None else viewed.input_shape
    batch = np.zeros((_BATCH, *(length or 1 for length in shape)), np.float32)

    def infer() -> None:
        model.predict_on_batch(batch if viewed is None else viewed.features(batch))

    infer()
    seconds = timeit.repeat(infer, number=1, repeat=_REPEATS)
    files = (run.record.layout.model, run.record.layout.extractor)
    num_fixed = 0 if extractor is None else extractor.num_params
    weights = [w for w in model.weights if "seed_generator" not in w.path]
    return TrialCost(
        parameters=num_fixed + int(sum(np.prod(w.shape) for w in weights)),
        trainable_parameters=int(sum(np.prod(w.shape) for w in model.trainable_weights)),
        bytes=sum(file.stat().st_size for file in files if file.is_file()),
        milliseconds_per_example=1000 * float(np.median(seconds)) / _BATCH,
    )


def median_cost(costs: Sequence[TrialCost]) -> VariantCost:
    """Returns the cost of a variant from the costs of its trials."""
    medians = {}
    for name in _MEASURED:
        measured = [value for cost in costs if (value := getattr(cost, name)) is not None]
        medians[name] = float(np.median(measured)) if measured else float("nan")
    return VariantCost(**medians, epochs=tuple(cost.epochs for cost in costs))


def bill(costs: Sequence[VariantCost]) -> str:
    """Returns the total cost of one model per variant, in words."""
    return (
        f"{counted(len(costs), 'model')}, {sum(cost.seconds for cost in costs):,.0f} s to train, "
        f"{sum(cost.parameters for cost in costs):,.0f} weights, "
        f"{sum(cost.bytes for cost in costs) / 1e6:.1f} MB, "
        f"{sum(cost.milliseconds_per_example for cost in costs):.2f} ms per example"
    )
