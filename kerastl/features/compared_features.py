"""Comparison of probabilities from features by Keras and by other engines."""

from collections.abc import Mapping
from dataclasses import dataclass

import keras
import numpy as np

from kerastl.features.engines.agreement import PROBABILITY_LIMITS


@dataclass(frozen=True, kw_only=True)
class ComparedFeatures:
    """Features of the same examples by different engines.

    Args:
        reference: `(examples, feature_dim)`, by Keras in float32.
        by_engine: Label of each other engine to its features.
    """

    reference: np.ndarray
    by_engine: Mapping[str, np.ndarray]

    def probability_differences(self, heads: keras.Model) -> dict[str, float]:
        """Returns the label of each engine to its largest difference of a probability from Keras.

        Args:
            heads: From features to logits.
        """
        reference = _probabilities(heads, self.reference)
        return {
            label: float(np.abs(_probabilities(heads, features) - reference).max())
            for label, features in self.by_engine.items()
        }


def engines_above_limit(differences: Mapping[str, float]) -> list[str]:
    """Returns the engines whose probabilities differ from those of Keras by more than allowed."""
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
