"""Agreement of engines with Keras, in features and in probabilities.

Convention: the difference between features is the root mean square error divided by the standard
deviation over examples, because only this variation matters to a head. The difference between
probabilities is the largest absolute difference.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

import numpy as np
import scipy.special

from kerastl.features.extraction_facts import Agreement

NUM_EXAMPLES = 64
FEATURE_LIMITS: Mapping[str, float] = {"float32": 1e-3, "bfloat16": 0.1, "float16": 0.02}
PROBABILITY_LIMITS: Mapping[str, float] = {"float32": 1e-3, "bfloat16": 0.1, "float16": 0.02}


def compare_features(
    reference: np.ndarray, features: np.ndarray, precision: str, *, per_second: float | None = None
) -> Agreement:
    """Compares the output of an engine of this precision with that of Keras for the same inputs."""
    difference = _root_mean_square(features - reference)
    spread = _root_mean_square(reference - reference.mean(axis=0))
    return Agreement(
        num_examples=len(reference),
        difference=float(difference / spread) if spread > 0 else float(difference > 0),
        limit=FEATURE_LIMITS[precision],
        per_second=per_second,
    )


class ComparedFeatures(ABC):
    """Features of which a sample is computed by several engines."""

    reference: str  # label of the engine that is right by definition
    used: set[str]  # labels of the engines whose features are among the values

    @abstractmethod
    def sample_features(self, label: str) -> np.ndarray:
        """Returns the features of the sample by an engine, `(examples, feature_dim)`."""

    def probability_differences(
        self, logits_of: Callable[[np.ndarray], np.ndarray]
    ) -> dict[str, float]:
        """Returns the label of each engine to its largest difference of a probability from Keras.

        Args:
            logits_of: Returns the logits of the heads for features.
        """
        others = sorted(self.used - {self.reference})
        labels = (self.reference, *others) if others else ()
        found = {
            label: scipy.special.expit(logits_of(self.sample_features(label))) for label in labels
        }
        return {
            label: float(np.abs(found[label] - found[self.reference]).max()) for label in others
        }


def engines_above_limit(differences: Mapping[str, float]) -> list[str]:
    """Returns the engines whose probabilities differ from those of Keras by more than allowed."""
    return [
        label
        for label, difference in differences.items()
        if difference > PROBABILITY_LIMITS[label.split()[-1]]
    ]


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
