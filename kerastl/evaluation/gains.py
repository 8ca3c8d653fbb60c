"""How much one model knows more than another: the paired difference of their calibrated loss."""

from dataclasses import dataclass

import numpy as np
import scipy.special

from kerastl.evaluation.calibration import maximum_likelihood
from kerastl.evaluation.intervals import Bootstrap, Draws, interval
from kerastl.evaluation.means import divided

_FEWEST_OF_A_CLASS = 5  # for a scale and an offset
_PENALTY = 1e-3  # keeps the fit finite if the logits separate the classes
_REPLICATES = 2_000


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

    @property
    def is_larger_than_noise(self) -> bool:
        """Whether the whole interval is above 0."""
        return self.low > 0


def measure_gain(
    first_logits: np.ndarray,
    second_logits: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray | None,
    *,
    seed: int,
) -> Gain:
    """Compares two models on the same validation examples, paired, with a bootstrap over groups.

    Both get the scale and the offset per task that fit these examples best, because the shipped
    model is calibrated too: the comparison is about ranking, not about confidence. Logits and
    labels are `(examples, tasks)`, unknown labels NaN. Without groups each example is its own.
    """
    known = ~np.isnan(labels)
    first, second = (_losses(logits, labels) for logits in (first_logits, second_logits))
    saved, num_known = (first - second).sum(axis=1), known.sum(axis=1)
    names = np.arange(len(labels)) if groups is None else groups
    draws = Draws(Bootstrap(groups=names, replicates=_REPLICATES, seed=seed))
    replicates = [
        divided(weights @ saved, weights @ num_known)
        for weights in draws.weights(np.arange(len(labels)))
    ]
    low, high = interval(np.concatenate(replicates)) or (0.0, 0.0)
    total = int(num_known.sum())
    return Gain(loss=float(saved.sum() / max(total, 1)), low=low, high=high, known=total)


def _losses(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the calibrated loss of each label in nats, 0 if it is unknown."""
    losses = np.zeros(labels.shape)
    for column in range(labels.shape[1]):
        known = ~np.isnan(labels[:, column])
        y = labels[known, column] >= 0.5
        z = logits[known, column].astype(np.float64)
        if min(y.sum(), (~y).sum()) >= _FEWEST_OF_A_CLASS:
            scale, offset = maximum_likelihood(z, y.astype(float), penalty=_PENALTY)
            z = scale * z + offset
        losses[known, column] = -scipy.special.log_expit(np.where(y, z, -z))
    return losses
