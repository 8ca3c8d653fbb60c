"""`trainable: auto`: frozen or fine-tuned, decided with evidence.

Convention: fine-tuning has to earn its place twice: it is tried only where the labels can carry it,
and kept only where its gain on validation is larger than the noise of that gain.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerastl.evaluation.gains import Gain
from kerastl.records import to_values

FEW_LABELS = 50  # of the rarer answer: below, fine-tuning isn't tried
SOME_LABELS = 200  # below, it isn't where more labels would still make the frozen head better
MANY_WEIGHTS = 1_000  # per known label, above which it isn't either


@dataclass(frozen=True, kw_only=True)
class Supply:
    """What there is to learn from, and how much would have to be learned.

    Args:
        positives: Known positives of each task in training.
        negatives: Known negatives.
        weights: Number of weights that fine-tuning would change.
        curve: What the second half of the training examples gained the frozen head, or None where
            that wasn't measured.
    """

    positives: dict[str, int]
    negatives: dict[str, int]
    weights: int
    curve: Gain | None

    @property
    def rarer(self) -> dict[str, int]:
        """Known labels of the rarer answer of each task."""
        return {task: min(n, self.negatives[task]) for task, n in self.positives.items()}

    @property
    def median(self) -> float:
        """Of the rarer answers."""
        return float(np.median(list(self.rarer.values())))

    @property
    def weights_per_label(self) -> float:
        """Weights that would change for each known label; labels count as at least 1."""
        known = sum(self.positives.values()) + sum(self.negatives.values())
        return self.weights / max(known, 1)

    def as_evidence(self) -> dict[str, Any]:
        """Returns plain values for the bundle."""
        return {
            "positives": self.positives,
            "negatives": self.negatives,
            "weights": self.weights,
            "weights_per_label": self.weights_per_label,
            "second_half": None if self.curve is None else to_values(self.curve),
        }


def count_labels(labels: np.ndarray, tasks: Sequence[str]) -> tuple[dict[str, int], dict[str, int]]:
    """Returns the known positives and the known negatives of each task.

    Args:
        labels: Training labels, `(examples, tasks)`, NaN where unknown.
        tasks: Names of the columns.
    """
    positives = (labels >= 0.5).sum(axis=0).tolist()
    negatives = (labels < 0.5).sum(axis=0).tolist()
    return dict(zip(tasks, positives, strict=True)), dict(zip(tasks, negatives, strict=True))


def reason_not_to_try(supply: Supply) -> str | None:
    """Returns why fine-tuning isn't worth a try, or None.

    What counts is the rarer answer of the median task. Below 50 known labels of it the backbone
    stays frozen. Where the second half of the training examples still made the frozen head better,
    labels are what is lacking, not weights: then it stays frozen below 200 too, and with more than
    1,000 weights to change for each known label. A frozen head that has learned all it can is
    limited by its features, which is what fine-tuning changes.
    """
    rarest = min(supply.rarer, key=lambda task: supply.rarer[task])
    counted = f"the median task has {supply.median:g} known training labels of its rarer class"
    if supply.median < FEW_LABELS:
        fewest = f"(fewest: {rarest} with {supply.rarer[rarest]})"
        return f"{counted}, fewer than {FEW_LABELS} {fewest}"
    if supply.curve is None or not supply.curve.is_larger_than_noise:
        return None
    gained = (
        f"the second half of the training examples lowered the frozen head's validation loss by "
        f"{supply.curve.loss:.4f}, so labels are what it lacks"
    )
    if supply.median < SOME_LABELS:
        return f"{gained}, and {counted}, fewer than {SOME_LABELS}"
    if supply.weights_per_label > MANY_WEIGHTS:
        return (
            f"{gained}, and {supply.weights_per_label:,.0f} weights would change for each known "
            f"label, more than {MANY_WEIGHTS:,}"
        )
    return None
