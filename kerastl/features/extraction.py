"""Extraction of features: look up what is cached, compute what is missing, and store it."""

from collections.abc import Iterator, Sequence

import numpy as np

from kerastl.data.inputs.batches import Inputs
from kerastl.data.inputs.streams import FileInputs, Part, stream_inputs
from kerastl.features.cached_features import CachedFeatures, CacheEntries, Lookup
from kerastl.features.computation import FeatureComputation
from kerastl.features.engines.agreement import NUM_EXAMPLES, ComparedFeatures
from kerastl.features.engines.engine import EngineName
from kerastl.features.engines.network_engines import NetworkEngines
from kerastl.features.engines.selection import EngineSelector, Purpose
from kerastl.features.extraction_facts import ExtractionFacts, PassFacts
from kerastl.features.network import Network
from kerastl.progress import SILENT, Progress
from kerastl.scratch import float_array


class Extraction(ComparedFeatures):
    """The features of all examples by one network, extracted when the object is created.

    Args:
        network: From raw input to features.
        inputs: Raw inputs of all examples, or of a part of them.
        is_scored: `(examples,)` bool: which of all examples need the precision of the shipped
            model.
        cached: What is cached of them, created before any file is read.
        engine: `"auto"`, or the engine to use.
        progress: Receives progress updates.
        engines: The engines of the network if they exist already.

    Raises:
        MediaError: A file is unreadable, and `inputs` raises.
    """

    def __init__(
        self,
        network: Network,
        inputs: Inputs,
        is_scored: np.ndarray,
        *,
        cached: CachedFeatures,
        engine: EngineName,
        progress: Progress,
        engines: NetworkEngines | None = None,
    ):
        self._inputs = inputs
        self._cached = cached
        self._engine = engine
        self._progress = progress
        self._has_own_engines = engines is None  # which compared them on these inputs
        self.engines = engines or NetworkEngines(
            network=network,
            dtype=input_dtype(inputs),
            sample=lambda: take_sample(_whole(inputs)),
            folder=cached.engine_folder,
            progress=progress,
        )
        self.reference = network.reference
        """Label of the engine that others must agree with."""
        self._selector = EngineSelector(self.engines, engine)
        self.used: set[str] = set()
        """Labels of the engines that the features come from."""
        self.values = float_array((len(inputs), cached.dim), "features")
        """`(examples, feature_dim)` float32; meaningless if a file is unreadable."""
        self._totals: dict[Purpose, int] = {
            "training": int((~is_scored).sum()),
            "scores": int(is_scored.sum()),
        }
        """Number of all examples for each purpose, by which engines are chosen."""
        self._completed: list[Lookup] = []
        rows = inputs.rows if isinstance(inputs, FileInputs) else None
        self.facts = self._extract(is_scored if rows is None else is_scored[rows])

    def cache_entries(self) -> Iterator[CacheEntries]:
        """Yields what the cache stores of the examples, for each engine that was used."""
        for lookup in self._completed:
            yield self._cached.entries(lookup.rows, self.values, engine=lookup.engine)

    def extract_without(self, engines: Sequence[str]) -> "Extraction":
        """Extracts all features again without these engines, in the shipped model's precision."""
        only_reduced = all(not label.endswith("float32") for label in engines)
        network, inputs, progress = self.engines.network, self._inputs, self._progress
        cached = CachedFeatures(
            network,
            inputs,
            len(inputs),
            cache=self._cached.cache,
            progress=progress,
            is_whole=self._cached.is_whole,
        )
        return Extraction(
            network,
            inputs,
            np.ones(len(inputs), bool),
            cached=cached,
            engine=self._engine if only_reduced else "keras",
            progress=progress,
        )

    def _extract(self, is_scored: np.ndarray) -> ExtractionFacts:
        purposes: dict[Purpose, np.ndarray] = {"training": ~is_scored, "scores": is_scored}
        wanted = {
            purpose: (np.flatnonzero(rows), self._selector.likely(purpose, self._totals[purpose]))
            for purpose, rows in purposes.items()
            if rows.any()
        }
        lookups = self._cached.look_up(self.values, wanted)  # decodes while engines are compared
        counts = [len(found.missing) for found in lookups.values()]
        if _whole(self._inputs) is not self._inputs:
            counts = list(self._totals.values())
        self.engines.num_examples = max(counts, default=0) or self.engines.num_examples
        facts = {purpose: self._complete(purpose, lookups[purpose]) for purpose in wanted}
        self._cached.close()
        return ExtractionFacts(
            training=facts.get("training"),
            scores=facts.get("scores"),
            agreement=dict(self._selector.agreements),
        )

    def _complete(self, purpose: Purpose, lookup: Lookup) -> PassFacts:
        """Computes and stores what is missing for a purpose."""
        engine = self._selector.select(purpose, self._totals[purpose])
        if len(lookup.missing):  # an engine that agreed in an earlier run may not run any more
            engine = self.engines.engine(engine).label
        if engine != lookup.engine:
            lookup = self._cached.look_up_rows(self.values, lookup.rows, engine)
        self.used.add(engine)
        self._completed.append(lookup)
        num_missing = len(lookup.missing)
        facts = PassFacts(
            engine=engine,
            examples=len(lookup.rows),
            computed=num_missing,
            **(self._compute(engine, num_missing, lookup.parts) if num_missing else {}),
        )
        self._progress.note(_extraction_text(purpose, facts))
        return facts

    def _compute(self, engine: str, num_examples: int, parts: Iterator[Part]) -> dict[str, float]:
        computation = FeatureComputation(self.engines.engine(engine), parts)
        for part, features in computation.run(
            num_examples, title="Features", progress=self._progress
        ):
            self.values[part.rows] = features
            self._cached.add(part, features, engine=engine)
        return computation.seconds()

    def sample_features(self, engine: str) -> np.ndarray:
        """Returns the features of evenly spaced examples, the same whether cached or not."""
        rows = sample_rows(len(self._inputs))
        values, is_cached = self._cached.read(rows, engine=engine)
        missing = rows[~is_cached]
        if not len(missing):  # without creating the engine
            return values
        compared = self.engines.computed_output(engine) if self._is_sample(rows) else None
        if compared is not None:
            values[~is_cached] = compared[~is_cached]
            self._cached.add_rows(missing, compared[~is_cached], engine=engine)
            self._cached.close()
            return values
        computation = FeatureComputation(self.engines.engine(engine), self._cached.stream(missing))
        for part, features in computation.run(len(missing), title="Features", progress=SILENT):
            values[np.searchsorted(rows, part.rows)] = features
            self._cached.add(part, features, engine=engine)
        self._cached.close()
        return values

    def _is_sample(self, rows: np.ndarray) -> bool:
        """Whether the sample that engines are compared on is these examples, one input each."""
        has_windows = isinstance(self._inputs, FileInputs) and self._inputs.has_windows
        return self._has_own_engines and len(rows) == NUM_EXAMPLES and not has_windows


def _whole(inputs: Inputs) -> Inputs:
    """Returns the inputs that these are a part of, or themselves."""
    return inputs.whole if isinstance(inputs, FileInputs) else inputs


def sample_rows(num_examples: int) -> np.ndarray:
    """Returns the indices of evenly spaced examples, of all if there are few."""
    spread = np.linspace(0, num_examples - 1, min(NUM_EXAMPLES, num_examples))
    return np.unique(spread.astype(int))


def take_sample(inputs: Inputs) -> np.ndarray:
    """Returns the raw inputs of evenly spaced examples, filled up if there are too few of them.

    An example with several inputs is represented by one of them.
    """
    parts = stream_inputs(inputs, sample_rows(len(inputs)))
    values = np.concatenate([part.representatives for part in parts])
    num_missing = NUM_EXAMPLES - len(values)
    if num_missing > 0 and isinstance(inputs, FileInputs):
        values = np.concatenate([values, inputs.noise(num_missing)])
    elif num_missing > 0:
        values = np.resize(values, (NUM_EXAMPLES, *values.shape[1:]))
    return values


def input_dtype(inputs: Inputs) -> np.dtype:
    """Returns the type of the arrays of inputs."""
    return inputs.dtype if isinstance(inputs, FileInputs) else inputs.take(np.arange(1)).dtype


def _extraction_text(purpose: str, facts: PassFacts) -> str:
    """Returns a sentence about what was cached and what was computed, and how fast."""
    text = f"Features for {purpose}: {facts.examples - facts.computed:,} from the cache"
    if not facts.computed:
        return f"{text}."
    seconds = facts.seconds or 0.0
    return (
        f"{text}, {facts.computed:,} by {facts.engine} in {seconds:.1f} s "
        f"({facts.computed / max(seconds, 1e-9):,.0f}/s; "
        f"{facts.decoding_thread_seconds or 0.0:.1f} s of decoding in threads, "
        f"{facts.waited_for_inputs_seconds or 0.0:.1f} s of waiting for inputs)."
    )
