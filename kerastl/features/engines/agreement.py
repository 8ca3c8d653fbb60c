"""How far an engine lies from Keras, and how far it may lie.

Convention: features are compared by the root mean square of the difference, relative to how much
each feature varies between examples: a head sees nothing but this variation. Probabilities are
compared by the largest difference.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from kerastl.data.inputs.streams import Part
from kerastl.features.engines.engine import Engine

NUM_EXAMPLES = 64
FEATURE_LIMITS: Mapping[str, float] = {"float32": 1e-3, "bfloat16": 0.1, "float16": 0.02}
PROBABILITY_LIMITS: Mapping[str, float] = {"float32": 1e-3, "bfloat16": 0.1, "float16": 0.02}


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """The comparison of one engine with Keras.

    Args:
        num_examples: Number of examples that were compared.
        difference: Root mean square of the difference, relative to the features' own variation.
        limit: The largest `difference` at which the engine is used.
        per_second: Examples per second on those examples, or None where they were cached.
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
        """Returns everything as plain values."""
        return {**asdict(self), "agrees": self.agrees}


def compare(
    reference: np.ndarray, features: np.ndarray, precision: str, *, per_second: float | None = None
) -> Agreement:
    """Compares an engine's output with Keras's on the same examples.

    Args:
        reference: Output of Keras, the first axis for examples.
        features: Output of the engine.
        precision: The engine's.
        per_second: The engine's speed.
    """
    difference = _root_mean_square(features - reference)
    spread = _root_mean_square(reference - reference.mean(axis=0))
    return Agreement(
        num_examples=len(reference),
        difference=float(difference / spread) if spread > 0 else float(difference > 0),
        limit=FEATURE_LIMITS[precision],
        per_second=per_second,
    )


def timed_output(engine: Engine, values: np.ndarray) -> tuple[np.ndarray, float]:
    """Returns an engine's output for some examples, and its speed in examples per second.

    The first examples warm it up; the speed is that of the faster half of the others, because
    whatever else runs on the machine only slows it down.
    """
    first = max(1, len(values) // 8)
    middle = (first + len(values)) // 2
    outputs, speeds = [output_of(engine, values[:first])], []
    for chunk in (values[first:middle], values[middle:]):
        started = time.perf_counter()
        outputs.append(output_of(engine, chunk))
        speeds.append(len(chunk) / max(time.perf_counter() - started, 1e-9))
    return np.concatenate(outputs), max(speeds)


def output_of(engine: Engine, values: np.ndarray) -> np.ndarray:
    """Returns an engine's output for some examples, in their order."""
    rows = np.arange(len(values))
    output = np.zeros((len(values), *engine.output_shape), np.float32)
    chunks = np.array_split(rows, max(1, len(rows) // 16)) if len(rows) else []
    parts = (
        Part(rows=chunk, values=values[chunk], keys=(None,) * len(chunk), errors={}, seconds=0.0)
        for chunk in chunks
    )
    for part, values_of_part in engine.run(parts):
        output[part.rows] = values_of_part
    return output


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
