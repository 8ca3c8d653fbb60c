"""The bootstrap over groups.

Convention: whole groups are drawn with replacement, one draw for all tasks. Examples of one patient
or scene are not independent, and an interval that treats them as independent is too narrow.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

FEWEST_GROUPS = 20
_ELEMENTS = 2**18  # weights at a time, which fit into the processor's cache


@dataclass(frozen=True, kw_only=True)
class Bootstrap:
    """How intervals are computed.

    Reference:
        Efron, Tibshirani (1993), "An Introduction to the Bootstrap"
    """

    groups: Sequence[str] | np.ndarray  # of each example; the names of the examples if without
    unit: str = "groups"  # plural noun of the groups in the result, or "examples"
    replicates: int = 1000  # number of draws; 0 for no intervals
    seed: int = 0


class Draws:
    """How often each group was drawn in each replicate."""

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
        """Yields how often each of some rows counts in each replicate.

        Each array is `(some replicates, rows)` float32, in which the counts are exact.
        """
        groups = self.group_of_row[rows]
        step = max(1, _ELEMENTS // max(1, len(rows)))
        for begin in range(0, len(self.counts), step):
            yield self.counts[begin : begin + step].take(groups, axis=1).astype(np.float32)
