"""Evidence for `trainable: auto`: the supply of labels, and the decision.

Convention: fine-tuning is tried only if there are enough labels, and kept only if it reduces the
validation loss by more than the noise of that reduction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerastl.evaluation.gains import Gain
from kerastl.records import to_values

FEW_LABELS = 50  # of the rarer class: with fewer, fine-tuning is not tried
SOME_LABELS = 200  # with fewer, it is not tried if more labels would still improve the frozen head
MANY_WEIGHTS = 1_000  # per known label; with more, it is not tried in that case either


@dataclass(frozen=True, kw_only=True)
class LabelSupply:
    """Known training labels, and the number of weights that fine-tuning would train on them.

    Args:
        positives: Number of known positives of each task.
        negatives: Number of known negatives.
        weights: Number of weights that fine-tuning trains.
        second_half: Gain of the frozen heads from the second half of the training examples, or None
            if it was not measured.
    """

    positives: dict[str, int]
    negatives: dict[str, int]
    weights: int
    second_half: Gain | None

    @property
    def rarer(self) -> dict[str, int]:
        """Number of known labels of the rarer class of each task."""
        return {task: min(n, self.negatives[task]) for task, n in self.positives.items()}

    @property
    def median(self) -> float:
        """Median of `rarer` over the tasks."""
        return float(np.median(list(self.rarer.values())))

    @property
    def weights_per_label(self) -> float:
        """Weights that fine-tuning trains for each known label; no labels count as 1."""
        known = sum(self.positives.values()) + sum(self.negatives.values())
        return self.weights / max(known, 1)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for the bundle."""
        return {**to_values(self), "weights_per_label": self.weights_per_label}


@dataclass(frozen=True, kw_only=True)
class AutoDecision:
    """What `trainable: auto` decided, and why.

    Args:
        supply: Known labels and weights.
        trained: Whether the fine-tuned model was kept.
        reason: The reason, in words.
        seconds: Seconds of training the frozen heads (`"frozen"`) and of `"fine_tuning"`.
        gain: Gain from fine-tuning, or None if it was not tried.
    """

    supply: LabelSupply
    trained: bool
    reason: str
    seconds: dict[str, float]
    gain: Gain | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for the bundle."""
        values: dict[str, Any] = to_values(self)
        return {**values, "supply": self.supply.to_dict()}


def count_labels(labels: np.ndarray, tasks: Sequence[str]) -> tuple[dict[str, int], dict[str, int]]:
    """Returns the number of known positives and of known negatives of each task.

    Args:
        labels: Training labels, `(examples, tasks)`, NaN where unknown.
        tasks: Names of the columns.
    """
    positives = (labels >= 0.5).sum(axis=0).tolist()
    negatives = (labels < 0.5).sum(axis=0).tolist()
    return dict(zip(tasks, positives, strict=True)), dict(zip(tasks, negatives, strict=True))


def reason_not_to_fine_tune(supply: LabelSupply) -> str | None:
    """Returns why fine-tuning is not worth trying, or None.

    The criterion is the rarer class of the median task. With fewer than 50 known labels of it, the
    backbone stays frozen. If the second half of the training examples still improved the frozen
    head, labels are missing rather than weights: then the backbone stays frozen with fewer than
    200 labels too, and with more than 1,000 weights to train for each known label. A frozen head
    that more labels do not improve is limited by its features, which fine-tuning changes.
    """
    rarest = min(supply.rarer, key=lambda task: supply.rarer[task])
    median = f"the median task has {supply.median:g} known training labels of its rarer class"
    if supply.median < FEW_LABELS:
        fewest = f"(fewest: {rarest} with {supply.rarer[rarest]})"
        return f"{median}, fewer than {FEW_LABELS} {fewest}"
    if supply.second_half is None or not supply.second_half.is_larger_than_noise:
        return None
    reduced = (
        "the second half of the training examples lowered the frozen head's validation loss by "
        f"{supply.second_half.loss:.4f}, so it lacks labels"
    )
    if supply.median < SOME_LABELS:
        return f"{reduced}, and {median}, fewer than {SOME_LABELS}"
    if supply.weights_per_label > MANY_WEIGHTS:
        return (
            f"{reduced}, and fine-tuning would train {supply.weights_per_label:,.0f} weights for "
            f"each known label, more than {MANY_WEIGHTS:,}"
        )
    return None
