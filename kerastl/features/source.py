"""Features of a frozen backbone, which are constants: each file passes through it once, ever.

Convention: the features of an example that is only trained on may come from an engine of reduced
precision. The features of an example that is scored or predicted have the precision of the shipped
model.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerastl.data.inputs.batches import Inputs
from kerastl.data.inputs.streams import stream_inputs
from kerastl.features.cache.network_stores import engine_folder
from kerastl.features.compared_features import ComparedFeatures
from kerastl.features.computing import compute_features
from kerastl.features.engines.agreement import NUM_EXAMPLES
from kerastl.features.engines.engine import Engine
from kerastl.features.engines.known_verdicts import EngineName
from kerastl.features.engines.network_engines import NetworkEngines
from kerastl.features.engines.selection import EngineSelector
from kerastl.features.extraction import Extractor
from kerastl.features.sample import input_dtype
from kerastl.progress import SILENT, Progress


@dataclass(frozen=True, kw_only=True)
class Extraction:
    """Features of all examples, and how they were computed.

    Args:
        values: `(examples, feature_dim)` float32; meaningless if a file is unreadable.
        facts: Engines, numbers of examples, seconds and agreement as plain values.
        compared_features: Returns features of the same examples by Keras and by the other engines
            that were used; None if all features come from Keras.
        extract_without: Extracts all features again without these engines, in float32.
    """

    values: np.ndarray
    facts: Mapping[str, Any]
    compared_features: Callable[[], ComparedFeatures | None]
    extract_without: "Callable[[Sequence[str]], Extraction]"

    def probability_differences(self, heads: keras.Model) -> dict[str, float]:
        """Returns the label of each engine to its largest difference of a probability from Keras.

        Args:
            heads: From features to logits.
        """
        compared = self.compared_features()
        return {} if compared is None else compared.probability_differences(heads)


@dataclass(frozen=True, kw_only=True)
class FeatureSource:
    """The source of features: the cache, and engines for what is not cached.

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
        is_scored: np.ndarray | None = None,
        progress: Progress = SILENT,
    ) -> Extraction:
        """Returns the features of all examples.

        Args:
            network: From raw input to features; it runs in inference mode.
            inputs: Raw inputs of all examples; the features of files are cached.
            is_scored: `(examples,)` bool: which examples need the precision of the shipped model;
                None is all.
            progress: Receives progress updates.

        Raises:
            MediaError: A file is unreadable, and `inputs` raises.
        """
        needed = np.ones(len(inputs), bool) if is_scored is None else is_scored
        extractor = Extractor(
            network, inputs, cache=self.cache, requested=self.engine, progress=progress
        )
        facts = extractor.run(needed)

        def extract_without(engines: Sequence[str]) -> Extraction:
            only_reduced = all(not label.endswith("float32") for label in engines)
            source = self if only_reduced else replace(self, engine="keras")
            return source.extract(network, inputs, progress=progress)

        return Extraction(
            values=extractor.values,
            facts=facts,
            compared_features=extractor.compared_features,
            extract_without=extract_without,
        )

    def compute(
        self,
        network: keras.Model,
        inputs: Inputs,
        rows: np.ndarray,
        values: np.ndarray,
        *,
        title: str,
        progress: Progress = SILENT,
    ) -> None:
        """Computes the output of a frozen network without the cache.

        Args:
            network: Any model with one output.
            inputs: Raw inputs of all examples.
            rows: Indices of the examples.
            values: Array for the output, one row for each of `rows`.
            title: What is computed, for the progress.
            progress: Receives progress updates.
        """
        spread = rows[np.linspace(0, len(rows) - 1, NUM_EXAMPLES).astype(int)]
        engines = NetworkEngines(
            network=network,
            dtype=input_dtype(inputs),
            sample=lambda: inputs.take(spread),
            progress=progress,
        )
        label = EngineSelector(engines, self.engine).select("scores", len(rows))
        progress.step(f"{title} by {label}", len(rows))
        num_done = 0
        parts = stream_inputs(inputs, rows)
        for _, output in compute_features(engines.engine(label), parts):
            values[num_done : num_done + len(output)] = output
            num_done += len(output)
            progress.advance(num_done)

    def select_engine(
        self,
        network: keras.Model,
        sample: Callable[[], np.ndarray],
        *,
        dtype: np.dtype,
        rule: str,
        num_examples: int,
        progress: Progress = SILENT,
    ) -> Engine:
        """Returns the engine for inputs that are not known yet, in the shipped model's precision.

        Args:
            network: From raw input to features.
            sample: Returns inputs on which engines are compared.
            dtype: Type of the inputs.
            rule: What the inputs are; networks with other inputs are converted separately.
            num_examples: Expected number of inputs.
            progress: Receives a note about each engine that is tried.
        """
        folder = None if self.cache is None else engine_folder(network, rule, cache=self.cache)
        engines = NetworkEngines(
            network=network, dtype=dtype, sample=sample, folder=folder, progress=progress
        )
        selector = EngineSelector(engines, self.engine)
        known = selector.verdicts.engine_for("scores")
        return engines.engine(known or selector.select("scores", num_examples))
