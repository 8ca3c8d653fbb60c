"""How much one model knows more than another: the paired difference of their calibrated loss."""

from dataclasses import dataclass

import numpy as np
import scipy.special

from kerastl.evaluation.calibration import maximum_likelihood
from kerastl.evaluation.intervals import Bootstrap, Draws
from kerastl.evaluation.means import divided
from kerastl.evaluation.score_intervals import Variation, carriers

_FEWEST_OF_A_CLASS = 5  # for a scale and an offset
_PENALTY = 1e-3  # keeps the fit finite if the logits separate the targets
_REPLICATES = 4_000
_ERROR = 0.05  # of an interval, over all choices


@dataclass(frozen=True, kw_only=True)
class Gain:
    """How much lower the validation loss of one model is than that of another.

    It is the mean logistic loss over known validation labels, in nats, both with the scale and
    offset per task that fit best.
    """

    loss: float  # of the first model minus that of the second; above 0 the second is better
    low: float  # end of the 95 % interval from a bootstrap over groups
    high: float
    known: int  # validation labels
    choices: int = 1  # that the second model was the best of; the interval is wider by Bonferroni

    @property
    def is_larger_than_noise(self) -> bool:
        """Whether the whole interval is above 0."""
        return self.low > 0

    @property
    def standard_error(self) -> float:
        """Standard error of the gain, from the width of the interval."""
        tails = scipy.special.ndtri(1 - _ERROR / self.choices / 2)
        return float((self.high - self.low) / 2 / tails)


def measure_gain(
    first_logits: np.ndarray,
    second_logits: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray | None,
    *,
    seed: int,
    choices: int = 1,
) -> Gain:
    """Compares two models on the same validation examples, paired, with a bootstrap over groups.

    Both get the scale and the offset per task that fit these examples best, because the shipped
    model is calibrated too: the comparison is about ranking, not about confidence. The targets are
    Platt's, so that a model that happens to separate few labels has no loss near 0. Percentiles of
    the bootstrap are too narrow if few groups have labels, so they are widened. Logits and
    labels are `(examples, tasks)`, unknown labels NaN. Without groups each example is its own.

    The second model is the best of so many choices on these examples; the level of the interval is
    1 - 0.05 / choices.
    """
    saved = (_losses(first_logits, labels) - _losses(second_logits, labels)).sum(axis=1)
    num_known = (~np.isnan(labels)).sum(axis=1)
    total = int(num_known.sum())
    names = np.arange(len(labels)) if groups is None else groups
    draws = Draws(Bootstrap(groups=names, replicates=_REPLICATES, seed=seed))
    rows = np.arange(len(labels))
    found = np.concatenate(
        [divided(weights @ saved, weights @ num_known) for weights in draws.weights(rows)]
    )
    tail = _ERROR / choices / 2
    loss = float(saved.sum() / max(total, 1))
    low, high = np.nanquantile(found, [tail, 1 - tail]) if total else (0.0, 0.0)
    variation = Variation(replicates=found, carriers=carriers(names, num_known))
    widening = variation.widening(level=1 - 2 * tail)
    return Gain(
        loss=loss,
        low=float(loss - widening * (loss - low)),
        high=float(loss + widening * (high - loss)),
        known=total,
        choices=choices,
    )


def calibrated_loss(logits: np.ndarray, labels: np.ndarray) -> float:
    """Returns the mean loss over known labels in nats, with the best scale and offset per task.

    Shapes are those of `measure_gain`. Without a known label it is 0. It is NaN if a logit of a
    known label is not finite.
    """
    if not np.isfinite(logits[~np.isnan(labels)]).all():
        return float("nan")
    return float(_losses(logits, labels).sum() / max((~np.isnan(labels)).sum(), 1))


def _losses(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the calibrated loss of each label in nats, 0 if it is unknown."""
    losses = np.zeros(labels.shape)
    for column in range(labels.shape[1]):
        known = ~np.isnan(labels[:, column])
        targets = labels[known, column] >= 0.5
        z = logits[known, column].astype(np.float64)
        positives, negatives = targets.sum(), (~targets).sum()
        if min(positives, negatives) >= _FEWEST_OF_A_CLASS:
            targets = np.where(targets, (positives + 1) / (positives + 2), 1 / (negatives + 2))
            scale, offset = maximum_likelihood(z, targets, penalty=_PENALTY)
            z = scale * z + offset
        losses[known, column] = np.logaddexp(0, z) - targets * z
    return losses
