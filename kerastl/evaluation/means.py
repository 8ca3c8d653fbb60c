"""Quotients, and means over the values that are defined; NaN is undefined."""

from collections.abc import Sequence

import numpy as np


def mean_of_defined(values: Sequence[float] | np.ndarray) -> float:
    """Returns the mean of the defined values, NaN if none is defined."""
    array = np.asarray(values, np.float64)
    defined = array[~np.isnan(array)]
    return float(defined.mean()) if len(defined) else float("nan")


def means_of_defined(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Returns the mean of each column over the rows that define it, NaN if none does."""
    stacked = np.stack(rows)
    defined = ~np.isnan(stacked)
    return divided(np.where(defined, stacked, 0).sum(axis=0), defined.sum(axis=0))


def divided(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Returns the quotient, NaN if the denominator is 0."""
    quotient = np.full(np.shape(denominator), np.nan)
    return np.divide(numerator, denominator, out=quotient, where=denominator != 0)
