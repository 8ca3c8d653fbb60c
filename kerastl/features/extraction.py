"""Extraction of features: look up what is cached, compute what is missing, and store it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerastl.data.inputs.batches import Inputs
from kerastl.data.inputs.streams import FileInputs, Part, stream_inputs
from kerastl.features.cache.file_hashes import FileHashes
from kerastl.features.cache.location import HASHES
from kerastl.features.cache.network_stores import NetworkStores
from kerastl.features.compared_features import ComparedFeatures
from kerastl.features.computing import compute_features
from kerastl.features.engines.agreement import NUM_EXAMPLES
from kerastl.features.engines.known_verdicts import REFERENCE, EngineName, Purpose, Verdicts
from kerastl.features.engines.network_engines import NetworkEngines
from kerastl.features.engines.selection import EngineSelector
from kerastl.features.keeping import FeatureKeeper
from kerastl.features.lookup import FeatureLookup
from kerastl.features.sample import Sample, input_dtype, take_sample
from kerastl.features.timing import ExtractionClock, extraction_text
from kerastl.progress import Progress


@dataclass(frozen=True, kw_only=True)
class _Request:
    """Examples whose features are needed for one purpose, after the lookup.

    Args:
        purpose: `"training"` or `"scores"`.
        engine: Label of the engine whose features were looked up.
        num_examples: Number of examples for this purpose.
        missing: Indices of those that are not cached.
        parts: The inputs of the missing examples, which threads decode already.
    """

    purpose: Purpose
    engine: str
    num_examples: int
    missing: np.ndarray
    parts: Iterator[Part]


class Extractor:
    """Extracts the features of one network for one set of inputs.

    Args:
        network: From raw input to features.
        inputs: Raw inputs of all examples.
        cache: Folder of the cache, or None to use none.
        requested: `"auto"`, or the engine to use.
        progress: Receives progress updates.
    """

    def __init__(
        self,
        network: keras.Model,
        inputs: Inputs,
        *,
        cache: Path | None,
        requested: EngineName,
        progress: Progress,
    ):
        cache = cache if isinstance(inputs, FileInputs) else None
        rule = inputs.rule if isinstance(inputs, FileInputs) else {}
        self._network = network
        self._inputs = inputs
        self._requested = requested
        self._progress = progress
        self._stores = NetworkStores(network, rule, cache=cache, progress=progress)
        self._verdicts = Verdicts(self._stores.engine_folder, requested)
        hashes = FileHashes(None if cache is None else cache / HASHES)
        self._lookup = FeatureLookup(inputs, self._stores, hashes)
        self._keeper = FeatureKeeper(inputs, self._stores, hashes, self._lookup)
        self._used: set[str] = set()
        self._num_missing = 0
        self.values = np.zeros((len(inputs), self._stores.dim), np.float32)

    def run(self, is_scored: np.ndarray) -> dict[str, Any]:
        """Fills `values`; returns engines, numbers of examples, seconds and agreement.

        Args:
            is_scored: `(examples,)` bool: which examples need the precision of the shipped model.
        """
        purposes: tuple[tuple[Purpose, np.ndarray], ...] = (
            ("training", ~is_scored),
            ("scores", is_scored),
        )
        known = {self._verdicts.engine_for(purpose) for purpose, _ in purposes}
        self._lookup.find_keys({REFERENCE} | {engine for engine in known if engine is not None})
        requests = [
            self._look_up(purpose, np.flatnonzero(rows)) for purpose, rows in purposes if rows.any()
        ]
        self._num_missing = max((len(request.missing) for request in requests), default=0)
        facts: dict[str, Any] = {r.purpose: self._complete(r) for r in requests}
        facts["agreement"] = {
            label: agreement.facts() for label, agreement in self._selector.agreements.items()
        }
        self._keeper.close()
        return facts

    def compared_features(self) -> ComparedFeatures | None:
        """Returns features of the same examples by Keras and by each other engine that was used.

        None if all features come from Keras.
        """
        labels = [REFERENCE, *sorted(self._used - {REFERENCE})]
        if len(labels) == 1:
            return None
        features = self._lookup.read_common(labels)
        if len(features[REFERENCE]) < min(NUM_EXAMPLES, len(self._inputs)):
            features = {label: self._sample_features(label) for label in labels}
            self._stores.close()
        return ComparedFeatures(reference=features.pop(REFERENCE), by_engine=features)

    def _look_up(self, purpose: Purpose, rows: np.ndarray) -> _Request:
        engine = self._verdicts.engine_for(purpose) or REFERENCE
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
        facts = {
            "engine": engine,
            "examples": request.num_examples,
            "computed": len(missing),
            **self._compute(engine, len(missing), parts),
        }
        self._progress.note(extraction_text(request.purpose, facts))
        return facts

    def _compute(self, engine: str, num_examples: int, parts: Iterator[Part]) -> dict[str, float]:
        if not num_examples:
            return {}
        self._used.add(engine)
        self._progress.step(f"Features by {engine}", num_examples)
        clock = ExtractionClock()
        num_done = 0
        for part, features in compute_features(
            self._selector.engines.engine(engine), clock.watch(parts)
        ):
            self.values[part.rows] = features
            self._keeper.add(part, features, engine=engine)
            num_done += len(part.rows)
            self._progress.advance(num_done)
        return clock.seconds()

    def _read(self, engine: str, rows: np.ndarray) -> np.ndarray:
        """Fills the rows of `values` that are cached; returns the other rows."""
        missing = self._lookup.read_into(self.values, rows, engine=engine)
        if len(missing) < len(rows):
            self._used.add(engine)
        return missing

    def _stream(self, rows: np.ndarray) -> Iterator[Part]:
        return stream_inputs(self._inputs, rows) if len(rows) else iter(())

    def _sample_features(self, engine: str) -> np.ndarray:
        features = self._selector.engines.sample_output(engine)
        self._stores.store(engine).add(self._sample.keys, features[: len(self._sample.keys)])
        return features

    @cached_property
    def _sample(self) -> Sample:
        return take_sample(self._inputs)

    @cached_property
    def _selector(self) -> EngineSelector:
        engines = NetworkEngines(
            network=self._network,
            dtype=input_dtype(self._inputs),
            sample=lambda: self._sample.values,
            folder=self._stores.engine_folder,
            num_examples=self._num_missing or 2**31,
            progress=self._progress,
        )
        return EngineSelector(engines, self._requested, self._verdicts)
