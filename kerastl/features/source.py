"""Features of a frozen backbone: constants, computed in one pass, ever.

Convention: a row that is only learned from may come from an engine of reduced precision; a row that
is scored or predicted comes from the precision of the shipped model.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerastl.data.inputs.batches import Inputs
from kerastl.features.engines.agreement import PROBABILITY_LIMITS
from kerastl.features.engines.choice import EngineName
from kerastl.features.extraction import Check, Pass
from kerastl.progress import SILENT, Progress


@dataclass(frozen=True, kw_only=True)
class Extraction:
    """Features of all examples, and how they were found.

    Args:
        values: `(examples, feature_dim)` float32; meaningless where a file is unreadable.
        facts: Engines, examples, seconds and agreement as plain values, for the bundle.
        find_check: Returns the examples on which probabilities are compared with Keras's, None
            where Keras did all.
        without: Given labels of engines, extracts again without them, all in float32.
    """

    values: np.ndarray
    facts: Mapping[str, Any]
    find_check: Callable[[], Check | None]
    without: "Callable[[Sequence[str]], Extraction]"

    def probability_differences(self, heads: keras.Model) -> dict[str, float]:
        """Returns label of each engine to the largest difference of a probability from Keras's.

        Args:
            heads: From features to logits.
        """
        check = self.find_check()
        if check is None:
            return {}
        reference = _probabilities(heads, check.reference)
        return {
            label: float(np.abs(_probabilities(heads, features) - reference).max())
            for label, features in check.by_engine.items()
        }


@dataclass(frozen=True, kw_only=True)
class FeatureSource:
    """Where features come from: the cache, and the engine for what it lacks.

    Args:
        cache: Folder of the cache, or None to use none.
        engine: `"auto"`, or the engine to use.
    """

    cache: Path | None = None
    engine: EngineName = "auto"

    def extract(
        self,
        network: keras.Model,
        inputs: Inputs,
        *,
        exact: np.ndarray | None = None,
        progress: Progress = SILENT,
    ) -> Extraction:
        """Passes every input through a frozen network once, in inference mode.

        Args:
            network: From raw input to features.
            inputs: Raw inputs of all examples; files are found in the cache by their bytes.
            exact: Which examples need the precision of the shipped model; None: all.
            progress: Told how many examples are done, and by what.

        Raises:
            MediaError: A file is unreadable, and the inputs raise.
        """
        needed = np.ones(len(inputs), bool) if exact is None else exact
        run = Pass(network, inputs, needed, cache=self.cache, engine=self.engine, progress=progress)
        run.fill()

        def without(refused: Sequence[str]) -> Extraction:
            only_reduced = all(not label.endswith("float32") for label in refused)
            other = self if only_reduced else replace(self, engine="keras")
            return other.extract(network, inputs, progress=progress)

        return Extraction(
            values=run.values, facts=run.facts, find_check=run.find_check, without=without
        )


def too_different(differences: Mapping[str, float]) -> list[str]:
    """Returns the engines whose probabilities lie further from Keras's than is allowed."""
    return [
        label
        for label, difference in differences.items()
        if difference > PROBABILITY_LIMITS[label.split()[-1]]
    ]


def _probabilities(heads: keras.Model, features: np.ndarray) -> np.ndarray:
    outputs = heads(features, training=False)
    logits = list(outputs.values()) if isinstance(outputs, Mapping) else [outputs]
    values = np.concatenate([keras.ops.convert_to_numpy(item) for item in logits], axis=1)
    return np.asarray(keras.ops.convert_to_numpy(keras.ops.sigmoid(values)))
