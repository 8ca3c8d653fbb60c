"""Ranking scores of the same examples under many weightings at once.

Convention: examples are sorted by falling score; equal scores are one step of the curve, so ties
are exact.
"""

import numpy as np

from kerastl.evaluation.means import divided


def tie_starts(scores: np.ndarray) -> np.ndarray:
    """Returns the index of the first example of each distinct score; scores fall."""
    return np.flatnonzero(np.concatenate([[True], scores[1:] != scores[:-1]]))


def halfway_thresholds(values: np.ndarray) -> np.ndarray:
    """Returns thresholds halfway between distinct falling scores, the first above all of them."""
    lower = np.append(values[1:], 0.0)
    middle = (values + lower) / 2
    highest = max((values[0] + 1) / 2, np.nextafter(values[0], 2))
    return np.concatenate([[highest], np.where(middle > lower, middle, values)])


def areas(positives: np.ndarray, negatives: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the area under the ROC curve and the average precision, each `(weightings,)`.

    The area is in [0, 1], NaN if a class is missing. Average precision is the mean precision over
    the steps of recall, in [0, 1], NaN without positives. Arguments are the weights of positives
    and negatives at each distinct score, `(weightings, steps)`.

    Reference:
        Hanley, McNeil (1982), https://doi.org/10.1148/radiology.143.1.7063747
    """
    hits = np.cumsum(positives, axis=1)
    called = hits + np.cumsum(negatives, axis=1)
    num_positives = positives.sum(axis=1, dtype=np.float64)
    num_negatives = negatives.sum(axis=1, dtype=np.float64)
    precision = np.divide(hits, called, out=np.zeros_like(hits), where=called > 0)
    recalled = np.einsum("rs,rs->r", positives, precision)
    hits -= positives / 2
    won = np.einsum("rs,rs->r", negatives, hits)
    return divided(won, num_positives * num_negatives), divided(recalled, num_positives)
