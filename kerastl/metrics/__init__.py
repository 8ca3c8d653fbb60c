"""Metrics over known labels, one object per output; unknown labels are NaN.

Convention: an undefined metric is NaN, never 0.
"""

from kerastl.metrics.auc import MaskedAUC
from kerastl.metrics.decisions import MaskedBinaryAccuracy, MaskedPrecision, MaskedRecall
from kerastl.metrics.log_loss import MaskedLogLoss

__all__ = [
    "MaskedAUC",
    "MaskedBinaryAccuracy",
    "MaskedLogLoss",
    "MaskedPrecision",
    "MaskedRecall",
]
