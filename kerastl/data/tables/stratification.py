"""Multi-label stratification with whole groups and unknown labels.

Convention: the unit that is assigned is a group, with its known positives and negatives.
"""

import math
from collections.abc import Sequence

import numpy as np


def stratify(
    labels: np.ndarray, groups: np.ndarray | None, *, fractions: Sequence[float], seed: int
) -> np.ndarray:
    """Returns the index of the part of each example, `(examples,)`.

    Iterative stratification: of all kinds of labels (a task's positives, a task's negatives), the
    kind in the fewest remaining groups is assigned first, each group to the part that still needs
    most of that kind. Afterwards, a part without a kind receives a group that another part can
    spare.

    Args:
        labels: `(examples, tasks)`, NaN if unknown.
        groups: Group of each example, or None if each is its own group.
        fractions: Share of each part; they add up to 1, and a part with 0 stays empty.
        seed: Seed of the order among equal groups.

    Reference:
        Sechidis, Tsoumakas, Vlahavas (2011), https://doi.org/10.1007/978-3-642-23808-6_10
    """
    unit_of_row = (
        np.arange(len(labels))
        if groups is None
        else np.unique(np.asarray(groups, dtype=str), return_inverse=True)[1]
    )
    num_units = int(unit_of_row.max(initial=-1)) + 1
    kinds = np.concatenate([labels == 1, labels == 0], axis=1).astype(np.float64)
    counts = np.zeros((num_units, kinds.shape[1]))
    np.add.at(counts, unit_of_row, kinds)
    sizes = np.bincount(unit_of_row, minlength=num_units).astype(np.float64)
    assignment = _Assignment(counts, sizes, np.asarray(fractions, dtype=np.float64), seed)
    assignment.run()
    assignment.repair()
    return assignment.part[unit_of_row]


class _Assignment:
    """Part of each group so far, and what each part still needs."""

    def __init__(self, counts: np.ndarray, sizes: np.ndarray, fractions: np.ndarray, seed: int):
        self.counts = counts
        self.sizes = sizes
        self.fractions = fractions
        self.wanted = np.outer(fractions, counts.sum(axis=0))
        self.wanted_rows = fractions * sizes.sum()
        self.part = np.full(len(sizes), -1)
        order = np.random.default_rng(seed).permutation(len(sizes))
        self.order = order[np.argsort(-sizes[order], kind="stable")]

    def run(self) -> None:
        """Assigns every group to a part."""
        while True:
            free = self.part < 0
            holders = (self.counts[free] > 0).sum(axis=0)
            if not holders.any():
                break
            kind = int(np.argmin(np.where(holders > 0, holders, np.inf)))
            for unit in self.order[free[self.order] & (self.counts[self.order, kind] > 0)]:
                self._give(unit, self._neediest(self.wanted[:, kind]))
        for unit in self.order[self.part[self.order] < 0]:
            self._give(unit, self._neediest(self.wanted_rows))

    def repair(self) -> None:
        """Moves a group that another part can spare to each part that lacks a kind of label."""
        held = np.stack(
            [self.counts[self.part == p].sum(axis=0) for p in range(len(self.fractions))]
        )
        for part, kind in np.argwhere(held == 0):
            if self.fractions[part] > 0 and held[part, kind] == 0:
                self._fetch(part, kind, held)

    def _neediest(self, wanted: np.ndarray) -> int:
        # Plain numbers: a call of NumPy for each of a million groups takes a minute.
        allowed = [
            want if fraction > 0 else -math.inf
            for want, fraction in zip(wanted.tolist(), self.fractions, strict=True)
        ]
        most = max(allowed)
        near = 1e-8 + 1e-5 * abs(most)
        best = (part for part, want in enumerate(allowed) if most - want <= near)
        return max(best, key=self.wanted_rows.__getitem__)

    def _give(self, unit: int, part: int) -> None:
        self.part[unit] = part
        self.wanted[part] -= self.counts[unit]
        self.wanted_rows[part] -= self.sizes[unit]

    def _fetch(self, part: int, kind: int, held: np.ndarray) -> None:
        for unit in reversed(self.order):
            donor = self.part[unit]
            if donor == part or self.counts[unit, kind] == 0:
                continue
            left = held[donor] - self.counts[unit]
            if np.all((left > 0) | (self.counts[unit] == 0)):
                held[donor] = left
                held[part] += self.counts[unit]
                self.part[unit] = part
                return
