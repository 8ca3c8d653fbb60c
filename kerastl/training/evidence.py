"""What training found out besides the weights: records that are stored in the bundle."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from kerastl.evaluation.gains import Gain
from kerastl.features.extraction import ExtractionFacts


@dataclass(frozen=True, kw_only=True)
class LabelSupply:
    """Known training labels, and the number of weights that fine-tuning would train on them."""

    positives: dict[str, int]  # known positives of each task
    negatives: dict[str, int]
    weights: int  # weights that fine-tuning trains
    second_half: Gain | None  # of the frozen heads, from half of the examples; None: not measured
    weights_per_label: float = field(init=False)  # for each known label; no labels count as 1

    def __post_init__(self) -> None:
        known = sum(self.positives.values()) + sum(self.negatives.values())
        object.__setattr__(self, "weights_per_label", self.weights / max(known, 1))

    @property
    def rarer(self) -> dict[str, int]:
        """Number of known labels of the rarer class of each task."""
        return {task: min(n, self.negatives[task]) for task, n in self.positives.items()}

    @property
    def median(self) -> float:
        """Median of `rarer` over the tasks."""
        return float(np.median(list(self.rarer.values())))


@dataclass(frozen=True, kw_only=True)
class AutoDecision:
    """The decision of `trainable: auto`."""

    supply: LabelSupply
    trained: bool  # whether the fine-tuned model was kept
    reason: str
    seconds: Mapping[str, float]  # of the frozen heads and of fine-tuning
    gain: Gain | None = None  # of fine-tuning, if it was tried


@dataclass(frozen=True, kw_only=True)
class TrainingEvidence(ExtractionFacts):
    """Where the features of the trained model come from, and what was decided about it."""

    largest_probability_difference: Mapping[str, float]  # of each engine, from Keras
    auto: AutoDecision | None = None
