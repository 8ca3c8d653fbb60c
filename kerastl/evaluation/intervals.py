"""The bootstrap over groups.

Convention: whole groups are drawn with replacement, one draw for all tasks. Examples of one patient
or scene are not independent, and an interval that treats them as independent is too narrow.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

FEWEST_GROUPS = 20
_LEVEL = 0.95
_ELEMENTS = 2**18  # weights at a time, which fit into the processor's cache


@dataclass(frozen=True, kw_only=True)
class Bootstrap:
    """How intervals are computed.

    Args:
        groups: Group of each example, shape `(examples,)`: patients or scenes, or the names of the
            examples if there are no groups. Their order does not matter.
        unit: Plural noun of the groups in the result, such as `"groups"` or `"examples"`.
        replicates: Number of draws; 0 for no intervals.
        seed: Seed of the draws.

    Reference:
        Efron, Tibshirani (1993), "An Introduction to the Bootstrap"
    """

    groups: Sequence[str] | np.ndarray
    unit: str = "groups"
    replicates: int = 1000
    seed: int = 0


class Draws:
    """How often each group was drawn in each replicate.

    Args:
        bootstrap: How intervals are computed.
    """

    def __init__(self, bootstrap: Bootstrap):
        names, self.group_of_row = np.unique(
            np.asarray(bootstrap.groups, dtype=str), return_inverse=True
        )
        random = np.random.default_rng(bootstrap.seed)
        num_groups = len(names)
        self.counts = np.empty((bootstrap.replicates, num_groups), np.uint8)
        for replicate in range(bootstrap.replicates):
            drawn = random.integers(num_groups, size=num_groups)
            self.counts[replicate] = np.bincount(drawn, minlength=num_groups)

    def weights(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """Yields how often each row counts in each replicate, some replicates at a time.

        Args:
            rows: Index of each row, shape `(rows,)`.

        Yields:
            `(some replicates, rows)` float32, in which the counts are exact.
        """
        groups = self.group_of_row[rows]
        step = max(1, _ELEMENTS // max(1, len(rows)))
        for begin in range(0, len(self.counts), step):
            yield self.counts[begin : begin + step].take(groups, axis=1).astype(np.float32)


def interval(values: np.ndarray) -> tuple[float, float] | None:
    """Returns the middle 95 % of the replicates that define the score, None if none does.

    Args:
        values: The score in each replicate, NaN if undefined, shape `(replicates,)`.
    """
    defined = values[~np.isnan(values)]
    if not len(defined):
        return None
    tail = (1 - _LEVEL) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)
