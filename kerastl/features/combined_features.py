"""The features of several views or backbones, each computed and cached on its own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from kerastl.backbones.views import Views
from kerastl.data.inputs.batches import Inputs
from kerastl.data.inputs.streams import viewed_inputs
from kerastl.features.cached_features import CacheEntries
from kerastl.features.engines.agreement import ComparedFeatures
from kerastl.features.engines.network_engines import NetworkEngines
from kerastl.features.extraction import Extraction
from kerastl.features.extraction_facts import ExtractionFacts, PassFacts
from kerastl.features.network import Network, Size
from kerastl.scratch import float_array

_ROWS = 4096  # that are combined together

Extract = Callable[..., Extraction]
Combine = Callable[[Sequence[np.ndarray], Any], Any]
"""From the features of each part, and `numpy`, to the features of all."""


class CombinedFeatures(ComparedFeatures):
    """The features of all examples by several views or backbones; see `Extraction`.

    Args:
        parts: The features of each.
        combine: Makes one array of theirs.
    """

    def __init__(self, parts: "Sequence[Features]", combine: Combine):
        self._parts = parts
        self._combine = combine
        self.reference: str = parts[0].reference
        self.used: set[str] = set().union(*(part.used for part in parts))
        self.values: np.ndarray = self._combined([part.values for part in parts])
        self.facts: ExtractionFacts = ExtractionFacts(
            training=_merged([part.facts.training for part in parts]),
            scores=_merged([part.facts.scores for part in parts]),
            agreement={
                label: found for part in parts for label, found in part.facts.agreement.items()
            },
        )

    @classmethod
    def of_views(
        cls,
        views: Views,
        networks: Mapping[Size, Network],
        inputs: Inputs,
        extract: Extract,
    ) -> "CombinedFeatures":
        """Returns the features of all views; those of one size share the engines."""
        engines: dict[Size, NetworkEngines] = {}
        parts = []
        for view in views.views:
            changed = viewed_inputs(inputs, view) if view.changes_inputs else inputs
            part = extract(networks[view.size], changed, engines=engines.get(view.size))
            engines[view.size] = part.engines
            parts.append(part)
        return cls(parts, views.combine)

    @classmethod
    def of_backbones(cls, parts: "Sequence[Features]") -> "CombinedFeatures":
        """Returns the features of several backbones side by side."""
        return cls(parts, lambda blocks, ops: ops.concatenate(blocks, axis=1))

    def cache_entries(self) -> Iterator[CacheEntries]:
        """Yields what the cache stores of the examples, for each view and engine."""
        for part in self._parts:
            yield from part.cache_entries()

    def sample_features(self, label: str) -> np.ndarray:
        """Returns the features of a sample by an engine, or by Keras where it is not used."""
        return self._combined(
            [
                part.sample_features(label if label in part.used else part.reference)
                for part in self._parts
            ]
        )

    def extract_without(self, engines: Sequence[str]) -> "CombinedFeatures":
        """Extracts all features again without these engines, in the shipped model's precision."""
        parts = [part.extract_without(engines) for part in self._parts]
        return CombinedFeatures(parts, self._combine)

    def _combined(self, blocks: Sequence[np.ndarray]) -> np.ndarray:
        """Combines chunks of rows, because blocks and result may be memory-mapped."""
        num_rows, dim = len(blocks[0]), self._combine([block[:1] for block in blocks], np).shape[1]
        values = float_array((num_rows, dim), "features")
        for begin in range(0, num_rows, _ROWS):
            rows = slice(begin, begin + _ROWS)
            values[rows] = self._combine([block[rows] for block in blocks], np)
        return values


Features = Extraction | CombinedFeatures


def _merged(passes: Sequence[PassFacts | None]) -> PassFacts | None:
    """Returns the facts of all passes over the same examples; times add up."""
    found = [facts for facts in passes if facts is not None]
    if not found:
        return None

    def total(name: str) -> float | None:
        values = [getattr(facts, name) for facts in found]
        known = [value for value in values if value is not None]
        return round(sum(known), 3) if known else None

    return replace(
        found[0],
        engine=", ".join(dict.fromkeys(facts.engine for facts in found)),
        computed=max(facts.computed for facts in found),
        seconds=total("seconds"),
        waited_for_inputs_seconds=total("waited_for_inputs_seconds"),
        decoding_thread_seconds=total("decoding_thread_seconds"),
    )
