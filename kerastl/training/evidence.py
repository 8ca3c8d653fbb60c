"""What training found out besides the weights: records that are stored in the bundle."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from kerastl.evaluation.gains import Gain
from kerastl.features.extraction_facts import ExtractionFacts

CALIBRATED_LOSS = "val_calibrated_log_loss"  # per known label, by `kerastl.evaluation.gains`
# Figures by which epochs are ranked, the first one that there is, and what they are called.
RANKINGS = {CALIBRATED_LOSS: "calibrated validation loss", "val_loss": "validation loss"}


def ranking(figures: Container[str]) -> str:
    """Returns which of the figures of an epoch ranks epochs; the lowest is the best."""
    return next((key for key in RANKINGS if key in figures), "val_loss")


@dataclass(frozen=True, kw_only=True)
class ValidationLabels:
    """Known validation labels, on which models are compared."""

    positives: Mapping[str, int]  # of each task
    negatives: Mapping[str, int]

    @classmethod
    def count(cls, labels: np.ndarray, tasks: Sequence[str]) -> Self:
        """Counts the known labels of each task in labels of shape `(examples, tasks)`."""
        positives = (labels >= 0.5).sum(axis=0).tolist()
        negatives = (labels < 0.5).sum(axis=0).tolist()
        return cls(
            positives=dict(zip(tasks, positives, strict=True)),
            negatives=dict(zip(tasks, negatives, strict=True)),
        )

    @property
    def rarer(self) -> dict[str, int]:
        """Number of known labels of the rarer class of each task."""
        return {task: min(n, self.negatives[task]) for task, n in self.positives.items()}

    @property
    def median(self) -> float:
        """Median of `rarer` over the tasks."""
        return float(np.median(list(self.rarer.values())))


@dataclass(frozen=True, kw_only=True)
class RateTrial:
    """A short fine-tuning at one rate, from the frozen result."""

    rate: float  # highest learning rate of the backbone
    epochs: int
    loss: float  # calibrated validation loss per known label, in nats
    auc: float  # macro, on validation; NaN if no task has both classes
    gain: Gain  # over the frozen result
    seconds: float


@dataclass(frozen=True, kw_only=True)
class AutoDecision:
    """What was decided on validation: the rate of fine-tuning, and whether to fine-tune."""

    labels: ValidationLabels
    trained: bool  # whether the fine-tuned model was kept
    reason: str
    seconds: Mapping[str, float]  # of the frozen heads and of fine-tuning, trials included
    rate: float | None = None  # of fine-tuning, if it was compared
    trials: tuple[RateTrial, ...] = ()  # lowest rate first
    gain: Gain | None = None  # of fine-tuning over the frozen result, if it was compared


@dataclass(frozen=True, kw_only=True)
class FeatureTrial:
    """Features that `features: auto` tried."""

    features: str  # as a config writes them
    cost: float  # of a prediction, in passes of one example at the usual size
    loss: float  # calibrated out-of-fold loss per known training label, in nats
    gain: Gain | None  # over the best before it; None for the first
    kept: bool


@dataclass(frozen=True, kw_only=True)
class TrainingEvidence(ExtractionFacts):
    """Where the features of the trained model come from, and what was decided about it."""

    largest_probability_difference: Mapping[str, float]  # of each engine, from Keras
    auto: AutoDecision | None = None
    feature_trials: tuple[FeatureTrial, ...] = ()
