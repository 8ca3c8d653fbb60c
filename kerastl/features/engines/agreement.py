"""Agreement of an engine with Keras.

Convention: the difference between features is the root mean square error divided by the standard
deviation over examples, because only this variation matters to a head. The difference between
probabilities is the largest absolute difference.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from kerastl.features.engines.engine import Engine

NUM_EXAMPLES = 64
FEATURE_LIMITS: Mapping[str, float] = {"float32": 1e-3, "bfloat16": 0.1, "float16": 0.02}
PROBABILITY_LIMITS: Mapping[str, float] = {"float32": 1e-3, "bfloat16": 0.1, "float16": 0.02}


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """The result of comparing an engine with Keras.

    Args:
        num_examples: Number of examples on which they were compared.
        difference: Root mean square error divided by the standard deviation of the features.
        limit: Largest `difference` at which the engine is used.
        per_second: Speed of the engine in examples per second, or None if it was not measured.
    """

    num_examples: int
    difference: float
    limit: float
    per_second: float | None = None

    @property
    def agrees(self) -> bool:
        """Whether the engine may be used."""
        return bool(self.difference <= self.limit)

    def facts(self) -> dict[str, Any]:
        """Returns the fields and the verdict as plain values."""
        return {**asdict(self), "agrees": self.agrees}


def compare_features(
    reference: np.ndarray, features: np.ndarray, precision: str, *, per_second: float | None = None
) -> Agreement:
    """Compares the output of an engine with that of Keras for the same inputs.

    Args:
        reference: Output of Keras; the first axis is the batch.
        features: Output of the engine.
        precision: Precision of the engine.
        per_second: Speed of the engine in examples per second.
    """
    difference = _root_mean_square(features - reference)
    spread = _root_mean_square(reference - reference.mean(axis=0))
    return Agreement(
        num_examples=len(reference),
        difference=float(difference / spread) if spread > 0 else float(difference > 0),
        limit=FEATURE_LIMITS[precision],
        per_second=per_second,
    )


def timed_output(engine: Engine, inputs: np.ndarray) -> tuple[np.ndarray, float]:
    """Returns the output of an engine for the inputs, and its speed in examples per second.

    The first eighth of the inputs warms the engine up. The speed is that of the faster half of the
    others, because other programs on the machine can only slow it down.
    """
    first = max(1, len(inputs) // 8)
    middle = (first + len(inputs)) // 2
    outputs, speeds = [output_of(engine, inputs[:first])], []
    for chunk in (inputs[first:middle], inputs[middle:]):
        started = time.perf_counter()
        outputs.append(output_of(engine, chunk))
        speeds.append(len(chunk) / max(time.perf_counter() - started, 1e-9))
    return np.concatenate(outputs), max(speeds)


def output_of(engine: Engine, inputs: np.ndarray) -> np.ndarray:
    """Returns the output of an engine for the inputs, which run in batches of about 16."""
    batches = np.array_split(inputs, max(1, len(inputs) // 16)) if len(inputs) else []
    empty = np.zeros((0, *engine.output_shape), np.float32)
    return np.concatenate([empty, *engine.run(iter(batches))])


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
