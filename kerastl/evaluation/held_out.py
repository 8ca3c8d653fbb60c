"""Predictions of examples that the model was not fitted on."""

from dataclasses import dataclass

import numpy as np

OUT_OF_FOLD = "out-of-fold"
VALIDATION = "validation"


@dataclass(frozen=True, kw_only=True)
class HeldOutPredictions:
    """Logits and labels of examples that the model was not fitted on, each `(rows, tasks)`."""

    rows: np.ndarray  # indices of the examples
    logits: np.ndarray
    labels: np.ndarray  # NaN where unknown or uncertain
    source: str  # OUT_OF_FOLD or VALIDATION


def level_folds(logits: np.ndarray, folds: np.ndarray | None) -> np.ndarray:
    """Returns out-of-fold logits whose mean is the same in every fold.

    The model that predicts a fold with more positives than average saw fewer of them, so its logits
    are lower: across folds, logits fall as the share of positives rises. If a model knows little,
    this outweighs what it knows, and a useless task looks reversed. Without folds the logits stay
    as they are.
    """
    leveled = logits.astype(np.float64)
    for fold in np.unique(folds) if folds is not None else ():
        rows = folds == fold
        leveled[rows] += logits.mean(axis=0) - logits[rows].mean(axis=0)
    return leveled
