"""`trainable: auto`: frozen or fine-tuned, decided with evidence.

Convention: fine-tuning has to earn its place twice: it is tried only where the labels can carry it,
and kept only where its gain on validation is larger than the noise of that gain.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import scipy.special
from sklearn.linear_model import LogisticRegression

FEW_LABELS = 50  # of the rarer answer: below, fine-tuning isn't tried
SOME_LABELS = 200  # below, it isn't where more labels would still make the frozen head better
MANY_WEIGHTS = 1_000  # per known label, above which it isn't either
_FEWEST_OF_A_CLASS = 5  # for a scale and an offset
_REPLICATES = 2_000
_INTERVAL = (0.025, 0.975)


@dataclass(frozen=True, kw_only=True)
class Gain:
    """How much lower the validation loss of one model is than that of another.

    Args:
        loss: Loss of the first model minus that of the second: the mean logistic loss over known
            validation labels, in nats, both with the scale and offset per task that fit best; above
            0 the second is better.
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
            "second_half": None if self.curve is None else self.curve.as_evidence(),
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


def measure_gain(
    first_logits: np.ndarray,
    second_logits: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray | None,
    *,
    seed: int,
) -> Gain:
    """Compares two models on the same validation examples, paired, with a bootstrap over groups.

    Both get the scale and the offset per task that fit these examples best, because the model that
    ships is calibrated too: what is compared is what they know, not how sure they sound.

    Args:
        first_logits: `(examples, tasks)`.
        second_logits: The same of the other model.
        labels: 1, 0 or NaN for unknown, `(examples, tasks)`.
        groups: Group of each example, or None where each is its own.
        seed: Seed of the bootstrap.
    """
    known = ~np.isnan(labels)
    first, second = (_loss(_calibrated(z, labels), labels) for z in (first_logits, second_logits))
    saved = np.where(known, first - second, 0.0)
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


def _calibrated(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns logits with scale and offset fitted; as they are where a class is too rare."""
    calibrated = np.array(logits, np.float64)
    for column in range(labels.shape[1]):
        known = ~np.isnan(labels[:, column])
        y = labels[known, column] >= 0.5
        if min(y.sum(), (~y).sum()) < _FEWEST_OF_A_CLASS:
            continue
        z = calibrated[:, column : column + 1]
        spread = max(float(z[known].std()), 1e-9)
        fitted = LogisticRegression(C=1e3).fit(z[known] / spread, y)
        calibrated[:, column] = fitted.decision_function(z / spread)
    return calibrated


def _loss(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    y = np.nan_to_num(labels)
    return -scipy.special.log_expit(np.where(y >= 0.5, logits, -logits))
