"""`trainable: auto`: frozen or fine-tuned, decided with evidence.

Convention: fine-tuning has to earn its place: it is kept only where its gain on validation is
larger than the noise of that gain.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import scipy.special

FEW_LABELS = 50
_REPLICATES = 2_000
_INTERVAL = (0.025, 0.975)


@dataclass(frozen=True, kw_only=True)
class Gain:
    """What fine-tuning gained on validation.

    Args:
        loss: Loss of the frozen model minus that of the fine-tuned one: the mean logistic loss over
            known validation labels, in nats; above 0 fine-tuning is better.
        low: Lower end of its 95 % interval from a bootstrap over groups.
        high: Upper end.
        known: Number of known validation labels it rests on.
    """

    loss: float
    low: float
    high: float
    known: int

    @property
    def is_larger_than_noise(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.low > 0

    def as_evidence(self) -> dict[str, Any]:
        """Returns plain values for the bundle."""
        return asdict(self)


def too_few_labels(labels: np.ndarray, tasks: Sequence[str]) -> str | None:
    """Returns why fine-tuning isn't worth a try, or None.

    With few labels a frozen backbone is the safer choice; what counts is the rarer class of the
    median task, among the labels that are known.

    Args:
        labels: Training labels, `(examples, tasks)`, NaN where unknown.
        tasks: Names of the columns.
    """
    positives = (labels >= 0.5).sum(axis=0)
    negatives = (labels < 0.5).sum(axis=0)
    rarer = np.minimum(positives, negatives)
    median = float(np.median(rarer))
    if median >= FEW_LABELS:
        return None
    rarest = tasks[int(np.argmin(rarer))]
    return (
        f"the median task has {median:g} known training labels of its rarer class, fewer than "
        f"{FEW_LABELS} (fewest: {rarest} with {int(rarer.min())})"
    )


def measure_gain(
    frozen_logits: np.ndarray,
    tuned_logits: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray | None,
    *,
    seed: int,
) -> Gain:
    """Compares two models on the same validation examples, paired, with a bootstrap over groups.

    Args:
        frozen_logits: `(examples, tasks)`.
        tuned_logits: The same of the fine-tuned model.
        labels: 1, 0 or NaN for unknown, `(examples, tasks)`.
        groups: Group of each example, or None where each is its own.
        seed: Seed of the bootstrap.
    """
    known = ~np.isnan(labels)
    saved = np.where(known, _loss(frozen_logits, labels) - _loss(tuned_logits, labels), 0.0)
    units = (
        np.arange(len(labels))
        if groups is None
        else np.unique(np.asarray(groups, dtype=str), return_inverse=True)[1]
    )
    saved_by_unit = np.bincount(units, saved.sum(axis=1))
    known_by_unit = np.bincount(units, known.sum(axis=1))
    num_units = len(known_by_unit)
    draws = np.random.default_rng(seed).multinomial(
        num_units, np.full(num_units, 1 / num_units), size=_REPLICATES
    )
    gains = (draws @ saved_by_unit) / np.maximum(draws @ known_by_unit, 1)
    low, high = np.quantile(gains, _INTERVAL)
    return Gain(
        loss=float(saved.sum() / max(known.sum(), 1)),
        low=float(low),
        high=float(high),
        known=int(known.sum()),
    )


def _loss(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    y = np.nan_to_num(labels)
    return -scipy.special.log_expit(np.where(y >= 0.5, logits, -logits))
