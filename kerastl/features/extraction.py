"""Extraction of features: look up what is cached, compute what is missing, and store it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerastl.data.inputs.batches import Inputs
from kerastl.data.inputs.streams import FileInputs, Part, stream_inputs
from kerastl.features.cached_features import CachedFeatures
from kerastl.features.computation import FeatureComputation
from kerastl.features.engines.agreement import NUM_EXAMPLES, probability_differences
from kerastl.features.engines.engine import REFERENCE, EngineName
from kerastl.features.engines.network_engines import NetworkEngines
from kerastl.features.engines.selection import EngineSelector, Purpose
from kerastl.progress import Progress


@dataclass(frozen=True, kw_only=True)
class _Request:
    """Examples whose features are needed for one purpose, after the lookup."""

    purpose: Purpose
    engine: str  # label of the engine whose features were looked up
    num_examples: int
    missing: np.ndarray  # indices of the examples that are not cached
    parts: Iterator[Part]  # inputs of the missing examples, which threads decode already


class Extraction:
    """The features of all examples by one network, extracted when the object is created.

    Args:
        network: From raw input to features.
        inputs: Raw inputs of all examples.
        is_scored: `(examples,)` bool: which examples need the precision of the shipped model.
        cache: Folder of the cache, or None to use none.
        engine: `"auto"`, or the engine to use.
        progress: Receives progress updates.

    Raises:
        MediaError: A file is unreadable, and `inputs` raises.
    """

    def __init__(
        self,
        network: keras.Model,
        inputs: Inputs,
        is_scored: np.ndarray,
        *,
        cache: Path | None,
        engine: EngineName,
        progress: Progress,
    ):
        self._inputs = inputs
        self._cache = cache
        self._engine = engine
        self._progress = progress
        self._cached = CachedFeatures(
            network, inputs, len(is_scored), cache=cache, progress=progress
        )
        self._engines = NetworkEngines(
            network=network,
            dtype=input_dtype(inputs),
            sample=lambda: self._sample[1],
            folder=self._cached.engine_folder,
            progress=progress,
        )
        self._selector = EngineSelector(self._engines, engine)
        self._used: set[str] = set()
        self.values = np.zeros((len(is_scored), self._cached.dim), np.float32)
        """`(examples, feature_dim)` float32; meaningless if a file is unreadable."""
        self.facts = self._extract(is_scored)
        """Engines, numbers of examples, seconds and agreement as plain values."""

    def probability_differences(self, heads: keras.Model) -> dict[str, float]:
        """Returns the label of each engine to its largest difference of a probability from Keras.

        Args:
            heads: From features to logits.
        """
        others = sorted(self._used - {REFERENCE})
        if not others:
            return {}
        features = self._cached.read_common([REFERENCE, *others])
        if len(features[REFERENCE]) < min(NUM_EXAMPLES, len(self._inputs)):
            features = {label: self._sample_features(label) for label in features}
            self._cached.close()
        return probability_differences(heads, features.pop(REFERENCE), features)

    def extract_without(self, engines: Sequence[str]) -> "Extraction":
        """Extracts all features again without these engines, in the shipped model's precision."""
        only_reduced = all(not label.endswith("float32") for label in engines)
        return Extraction(
            self._engines.network,
            self._inputs,
            np.ones(len(self._inputs), bool),
            cache=self._cache,
            engine=self._engine if only_reduced else "keras",
            progress=self._progress,
        )

    def _extract(self, is_scored: np.ndarray) -> dict[str, Any]:
        purposes: dict[Purpose, np.ndarray] = {"training": ~is_scored, "scores": is_scored}
        engines = {purpose: self._selector.known_engine(purpose) for purpose in purposes}
        self._cached.find_keys({engine or REFERENCE for engine in (None, *engines.values())})
        requests = [
            self._look_up(purpose, np.flatnonzero(rows), engines[purpose] or REFERENCE)
            for purpose, rows in purposes.items()
            if rows.any()
        ]
        num_missing = max((len(request.missing) for request in requests), default=0)
        self._engines.num_examples = num_missing or self._engines.num_examples
        facts: dict[str, Any] = {request.purpose: self._complete(request) for request in requests}
        agreements = self._selector.agreements.items()
        self._cached.close()
        return {**facts, "agreement": {label: found.facts() for label, found in agreements}}

    def _look_up(self, purpose: Purpose, rows: np.ndarray, engine: str) -> _Request:
        missing = self._read(engine, rows)
        if purpose == "scores" and engine != REFERENCE:
            missing = self._read(REFERENCE, missing)
        return _Request(
            purpose=purpose,
            engine=engine,
            num_examples=len(rows),
            missing=missing,
            parts=self._stream(missing),
        )

    def _complete(self, request: _Request) -> dict[str, Any]:
        """Computes and stores what is missing for a purpose."""
        engine, missing, parts = request.engine, request.missing, request.parts
        if len(missing):
            engine = self._selector.select(request.purpose, len(missing))
            if engine != request.engine:
                missing = self._read(engine, missing)
            if len(missing) < len(request.missing):
                parts = self._stream(missing)
        facts = {"engine": engine, "examples": request.num_examples, "computed": len(missing)}
        if len(missing):
            facts |= self._compute(engine, len(missing), parts)
        self._progress.note(_extraction_text(request.purpose, facts))
        return facts

    def _compute(self, engine: str, num_examples: int, parts: Iterator[Part]) -> dict[str, float]:
        self._used.add(engine)
        computation = FeatureComputation(self._engines.engine(engine), parts)
        for part, features in computation.run(
            num_examples, title="Features", progress=self._progress
        ):
            self.values[part.rows] = features
            self._cached.add(part, features, engine=engine)
        return computation.seconds()

    def _read(self, engine: str, rows: np.ndarray) -> np.ndarray:
        """Fills the rows of `values` that are cached; returns the other rows."""
        missing = self._cached.read_into(self.values, rows, engine=engine)
        if len(missing) < len(rows):
            self._used.add(engine)
        return missing

    def _stream(self, rows: np.ndarray) -> Iterator[Part]:
        return stream_inputs(self._inputs, rows) if len(rows) else iter(())

    def _sample_features(self, engine: str) -> np.ndarray:
        features = self._engines.sample_output(engine)
        keys = self._sample[0]
        self._cached.store(engine).add(keys, features[: len(keys)])
        return features

    @cached_property
    def _sample(self) -> tuple[list[bytes | None], np.ndarray]:
        return take_sample(self._inputs)


def take_sample(inputs: Inputs) -> tuple[list[bytes | None], np.ndarray]:
    """Returns evenly spaced examples, filled up if there are too few of them.

    Returns:
        The cache key of each example, or None: it has none, or its features are an average. And the
        raw inputs: the representative one of each example, in the order of the keys, then filling.
    """
    num_all = len(inputs)
    rows = np.unique(np.linspace(0, num_all - 1, min(NUM_EXAMPLES, num_all)).astype(int))
    parts = list(stream_inputs(inputs, rows))
    keys = [key if part.counts is None else None for part in parts for key in part.keys]
    values = np.concatenate([part.representatives for part in parts])
    num_missing = NUM_EXAMPLES - len(values)
    if num_missing > 0 and isinstance(inputs, FileInputs):
        values = np.concatenate([values, inputs.noise(num_missing)])
    elif num_missing > 0:
        values = np.resize(values, (NUM_EXAMPLES, *values.shape[1:]))
    return keys, values


def input_dtype(inputs: Inputs) -> np.dtype:
    """Returns the type of the arrays of inputs."""
    return inputs.dtype if isinstance(inputs, FileInputs) else inputs.take(np.arange(1)).dtype


def _extraction_text(purpose: str, facts: Mapping[str, Any]) -> str:
    """Returns a sentence about what was cached and what was computed, and how fast."""
    computed, cached = facts["computed"], facts["examples"] - facts["computed"]
    text = f"Features for {purpose}: {cached:,} from the cache"
    if not computed:
        return f"{text}."
    speed = computed / max(facts["seconds"], 1e-9)
    return (
        f"{text}, {computed:,} by {facts['engine']} in {facts['seconds']:.1f} s ({speed:,.0f}/s; "
        f"{facts['decoding_thread_seconds']:.1f} s of decoding in threads, "
        f"{facts['waited_for_inputs_seconds']:.1f} s of waiting for inputs)."
    )
