"""One pass over all examples: look up, choose engines, compute what is missing, keep it.

Convention: each precision has a store of its own, so that the precision of a row never depends on
what happens to be cached.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerastl.data.inputs.batches import Inputs
from kerastl.data.inputs.streams import FileInputs, Part, stream_inputs
from kerastl.features.cache.fingerprint import combined_fingerprint, network_fingerprint
from kerastl.features.cache.folder import ENGINES, FEATURES, HASHES, prune, size_limit
from kerastl.features.cache.identities import FileHashes
from kerastl.features.cache.store import FeatureStore
from kerastl.features.engines.agreement import NUM_EXAMPLES
from kerastl.features.engines.choice import REFERENCE, EngineName, Engines, Need
from kerastl.features.pooling import run_pooled
from kerastl.features.speed import PassClock, summary_of_pass
from kerastl.files import FileStatus
from kerastl.progress import Progress

_PURPOSES: Mapping[Need, str] = {"fast": "training", "exact": "scores"}


@dataclass(frozen=True, kw_only=True)
class Check:
    """Features of the same examples by Keras and by each engine that was used.

    Args:
        reference: `(examples, feature_dim)`, by Keras in float32.
        by_engine: Label of an engine to its features.
    """

    reference: np.ndarray
    by_engine: Mapping[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class _Gap:
    """What the cache lacks for a need.

    Args:
        need: `"fast"` or `"exact"`.
        label: The engine whose features were looked up.
        num_rows: Rows of that need.
        missing: Those of them that the cache lacks.
        parts: Their inputs, being decoded while engines are made.
    """

    need: Need
    label: str
    num_rows: int
    missing: np.ndarray
    parts: Iterator[Part]


class Pass:
    """The extraction of one network's features from one set of inputs.

    Args:
        network: From raw input to features.
        inputs: Raw inputs of all examples.
        exact: Which examples need the precision of the shipped model.
        cache: Folder of the cache, or None to use none.
        engine: `"auto"`, or the engine to use.
        progress: Told how many examples are done, and by what.
    """

    def __init__(
        self,
        network: keras.Model,
        inputs: Inputs,
        exact: np.ndarray,
        *,
        cache: Path | None,
        engine: EngineName,
        progress: Progress,
    ):
        self.inputs = inputs
        self.progress = progress
        self.files = inputs if isinstance(inputs, FileInputs) and cache is not None else None
        self.values = np.zeros((len(inputs), int(network.output_shape[1])), np.float32)
        self.facts: dict[str, Any] = {}
        self._exact = exact
        self._cache = cache if self.files is not None else None
        self._keys: list[bytes | None] = [None] * len(inputs)
        self._digests: list[bytes | None] = [None] * len(inputs)
        self._stores: dict[str, FeatureStore] = {}
        self._used: set[str] = set()
        self._fingerprint = network_fingerprint(network) if self._cache is not None else ""
        self._hashes = FileHashes(None if self._cache is None else self._cache / HASHES)
        self._engines = Engines(
            network,
            inputs.dtype if isinstance(inputs, FileInputs) else inputs.take(np.arange(1)).dtype,
            asked=engine,
            folder=self._engines_folder(),
            sample=lambda: self._sample[1],
            progress=progress,
        )

    def fill(self) -> None:
        """Fills `values` and `facts`."""
        statuses = self._find_keys()
        known = [digest is not None for digest in self._digests]
        needs: tuple[tuple[Need, np.ndarray], ...] = (
            ("fast", ~self._exact),
            ("exact", self._exact),
        )
        gaps = [self._find_gap(need, np.flatnonzero(rows)) for need, rows in needs if rows.any()]
        for gap in gaps:
            self._complete(gap)
        self.facts["agreement"] = {
            label: verdict.facts() for label, verdict in self._engines.verdicts.items()
        }
        self._remember(statuses, known)
        self._close()

    def find_check(self) -> Check | None:
        """Returns features of the same examples by Keras and by the engines that were used."""
        labels = sorted(self._used - {REFERENCE})
        if not labels:
            return None
        cached = self._cached_check(labels)
        if cached is not None:
            return cached
        outputs = {label: self._engines.sample_output(label) for label in [REFERENCE, *labels]}
        keys, _ = self._sample
        for label, output in outputs.items():
            if self._cache is not None:
                self._store(label).add(keys, output[: len(keys)])
        self._close()
        return Check(reference=outputs.pop(REFERENCE), by_engine=outputs)

    def _find_gap(self, need: Need, rows: np.ndarray) -> "_Gap":
        """Fills the rows that the cache has; files of the others are decoded from now on."""
        label = self._engines.known(need) or REFERENCE
        missing = self._look_up(label, rows)
        if need == "exact" and label != REFERENCE:
            missing = self._look_up(REFERENCE, missing)
        parts = stream_inputs(self.inputs, missing) if len(missing) else iter(())
        return _Gap(need=need, label=label, num_rows=len(rows), missing=missing, parts=parts)

    def _complete(self, gap: "_Gap") -> None:
        """Computes what is missing."""
        engine, missing, parts = gap.label, gap.missing, gap.parts
        if len(missing):
            self._engines.num_missing = len(missing)
            engine = self._engines.choose(gap.need, len(missing))
            still_missing = self._look_up(engine, missing) if engine != gap.label else missing
            if len(still_missing) < len(missing):
                missing, parts = still_missing, stream_inputs(self.inputs, still_missing)
        seconds = self._compute(engine, missing, parts)
        facts = {"engine": engine, "examples": gap.num_rows, "computed": len(missing), **seconds}
        self.facts[_PURPOSES[gap.need]] = facts
        self.progress.note(summary_of_pass(_PURPOSES[gap.need], facts))

    def _look_up(self, label: str, rows: np.ndarray) -> np.ndarray:
        """Fills the rows that the cache has; returns the others."""
        if self._cache is None or not len(rows):
            return rows
        keys = [self._keys[row] for row in rows]
        found = self._store(label).read_into(self.values, rows, keys)
        if found.any():
            self._used.add(label)
        return rows[~found]

    def _compute(self, label: str, rows: np.ndarray, parts: Iterator[Part]) -> dict[str, float]:
        if not len(rows):
            return {}
        self._used.add(label)
        self.progress.step(f"Features by {label}", len(rows))
        clock = PassClock()
        num_done = 0
        for part, values in run_pooled(self._engines.engine(label).run, clock.watch(parts)):
            self.values[part.rows] = values
            digests = part.digests or part.keys
            for row, key, digest in zip(part.rows, part.keys, digests, strict=True):
                self._keys[row], self._digests[row] = key, digest
            if self._cache is not None:
                self._store(label).add(part.keys, values)
            num_done += len(part.rows)
            self.progress.advance(num_done)
        return clock.seconds()

    def _cached_check(self, labels: Sequence[str]) -> Check | None:
        """Returns the comparison on examples that the cache has in all precisions, if any."""
        if self._cache is None:
            return None
        every = np.arange(len(self._keys))
        found = every
        outputs: dict[str, np.ndarray] = {}
        for label in [REFERENCE, *labels]:
            values = np.zeros((len(found), self.values.shape[1]), np.float32)
            keys = [self._keys[row] for row in found]
            kept = self._store(label).read_into(values, np.arange(len(found)), keys)
            outputs = {name: output[kept] for name, output in outputs.items()}
            outputs[label] = values[kept]
            found = found[kept]
        if len(found) < min(NUM_EXAMPLES, len(every)):
            return None
        return Check(reference=outputs.pop(REFERENCE), by_engine=outputs)

    @cached_property
    def _sample(self) -> tuple[list[bytes | None], np.ndarray]:
        """Returns keys and raw inputs of examples spread over the whole, filled up with noise.

        Of an example with several windows it is the loudest, without the key of the whole.
        """
        num_all = len(self.inputs)
        rows = np.unique(np.linspace(0, num_all - 1, min(NUM_EXAMPLES, num_all)).astype(int))
        parts = list(stream_inputs(self.inputs, rows))
        values = np.concatenate([part.representatives for part in parts])
        missing = NUM_EXAMPLES - len(values)
        if missing > 0:
            values = np.concatenate([values, _noise((missing, *values.shape[1:]), values.dtype)])
        keys = [key if part.counts is None else None for part in parts for key in part.keys]
        return keys, values

    def _find_keys(self) -> list[FileStatus | None]:
        """Finds the hashes of the files; reads files only where something may be cached."""
        if self.files is None:
            return []
        statuses = [FileStatus.of(path) for path in self.files.paths]
        labels = {REFERENCE, self._engines.known("fast"), self._engines.known("exact")} - {None}
        if any(not self._store(str(label)).is_empty for label in labels):
            self._digests = self._hashes.hash_files(self.files.paths)
            self._keys = self.files.keys_of(self._digests)
        return statuses

    def _remember(self, statuses: Sequence[FileStatus | None], known: Sequence[bool]) -> None:
        """Keeps the hashes of the files that were read, with their status from before."""
        if self.files is None:
            return
        rows = [row for row, digest in enumerate(self._digests) if digest and not known[row]]
        self._hashes.remember(
            (self.files.paths[row], statuses[row], self._digests[row] or b"") for row in rows
        )

    def _store(self, label: str) -> FeatureStore:
        if label not in self._stores:
            assert self._cache is not None
            name = combined_fingerprint({**self._rule(), "engine": label})
            self._stores[label] = FeatureStore(
                self._cache / FEATURES / name,
                self.values.shape[1],
                on_refusal=lambda reason: self.progress.warn(
                    f"The cache can't be written ({reason}); going on without it."
                ),
            )
        return self._stores[label]

    def _rule(self) -> dict[str, Any]:
        rule = {} if self.files is None else self.files.rule
        return {"network": self._fingerprint, "rule": rule}

    def _engines_folder(self) -> Path | None:
        if self._cache is None:
            return None
        return self._cache / ENGINES / combined_fingerprint(self._rule())

    def _close(self) -> None:
        for store in self._stores.values():
            store.close()
        if self._cache is not None and any(store.has_written for store in self._stores.values()):
            prune(self._cache, size_limit())


def _noise(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Returns examples that are nothing: random pixels, or sound at a tenth of full scale."""
    random = np.random.default_rng(0)
    if dtype == np.uint8:
        return random.integers(0, 256, shape, np.uint8)
    return (0.1 * random.standard_normal(shape)).astype(dtype)
