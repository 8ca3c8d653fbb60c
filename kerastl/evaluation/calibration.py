"""Calibrated probabilities: Platt's scale and offset on the logits."""

from collections.abc import Sequence

import numpy as np
import scipy.special


def calibrated_probabilities(
    logits: np.ndarray, scales: Sequence[float], offsets: Sequence[float]
) -> np.ndarray:
    """Returns `sigmoid(scale * logit + offset)`.

    Args:
        logits: `(examples, tasks)`.
        scales: Scale of each task.
        offsets: Offset of each task.

    Reference:
        Platt (1999), "Probabilistic Outputs for Support Vector Machines"
    """
    scaled = logits.astype(np.float64) * np.asarray(scales) + np.asarray(offsets)
    return scipy.special.expit(scaled)
