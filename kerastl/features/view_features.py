"""The features of a backbone with several views, each computed and cached on its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from kerastl.backbones.views import Views
from kerastl.data.inputs.batches import Inputs
from kerastl.data.inputs.streams import viewed_inputs
from kerastl.features.engines.agreement import probability_differences
from kerastl.features.engines.network_engines import NetworkEngines
from kerastl.features.extraction import Extraction
from kerastl.features.extraction_facts import ExtractionFacts, PassFacts
from kerastl.features.network import Network, Size

Extract = Callable[..., Extraction]


class ViewFeatures:
    """The features of all examples by a backbone with views; see `Extraction`.

    Args:
        views: The views of the backbone.
        parts: The features of each view, in their order.
    """

    def __init__(self, views: Views, parts: Sequence[Extraction]):
        self._views = views
        self._parts = parts
        self.reference = parts[0].reference
        self.values = self._combined([part.values for part in parts])
        self.facts = ExtractionFacts(
            training=_merged([part.facts.training for part in parts]),
            scores=_merged([part.facts.scores for part in parts]),
            agreement={
                label: found for part in parts for label, found in part.facts.agreement.items()
            },
        )

    @classmethod
    def extract(
        cls,
        views: Views,
        networks: Mapping[Size, Network],
        inputs: Inputs,
        extract: Extract,
    ) -> "ViewFeatures":
        """Returns the features of all views; those of one size share the engines."""
        engines: dict[Size, NetworkEngines] = {}
        parts = []
        for view in views.views:
            changed = viewed_inputs(inputs, view) if view.changes_inputs else inputs
            part = extract(networks[view.size], changed, engines=engines.get(view.size))
            engines[view.size] = part.engines
            parts.append(part)
        return cls(views, parts)

    def probability_differences(
        self, logits_of: Callable[[np.ndarray], np.ndarray]
    ) -> dict[str, float]:
        """Returns the label of each engine to its largest difference of a probability from Keras.

        Args:
            logits_of: Returns the logits of the heads for features.
        """
        others = sorted(set().union(*(part.used for part in self._parts)) - {self.reference})
        if not others:
            return {}
        reference = [part.sample_features(self.reference) for part in self._parts]
        features = {
            label: self._combined(
                [
                    part.sample_features(label) if label in part.used else values
                    for part, values in zip(self._parts, reference, strict=True)
                ]
            )
            for label in others
        }
        return probability_differences(logits_of, self._combined(reference), features)

    def extract_without(self, engines: Sequence[str]) -> "ViewFeatures":
        """Extracts all features again without these engines, in the shipped model's precision."""
        return ViewFeatures(self._views, [part.extract_without(engines) for part in self._parts])

    def _combined(self, blocks: Sequence[np.ndarray]) -> np.ndarray:
        return np.asarray(self._views.combine(blocks, np), np.float32)


Features = Extraction | ViewFeatures


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
