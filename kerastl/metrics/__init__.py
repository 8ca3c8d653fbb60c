"""Metrics over known labels, one object per output; unknown labels are NaN.

Convention: an undefined metric is NaN, never 0.
"""

from kerastl.metrics.accuracy import MaskedBinaryAccuracy
from kerastl.metrics.auc import MaskedAUC
from kerastl.metrics.log_loss import MaskedLogLoss
from kerastl.metrics.precision import MaskedPrecision
from kerastl.metrics.recall import MaskedRecall

__all__ = [
    "MaskedAUC",
    "MaskedBinaryAccuracy",
    "MaskedLogLoss",
    "MaskedPrecision",
    "MaskedRecall",
]
