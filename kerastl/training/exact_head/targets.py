"""The labels of many logistic regressions on the same features, as weights of their loss."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Targets:
    """Weights in the loss of each task: `positive * softplus(-z) + negative * softplus(z)`.

    Without folds, a column is a task. With folds, there is a column for each fold and task, in this
    order, which lacks the labels of the fold.
    """

    positive: np.ndarray  # `(examples, tasks)`, 0 where unknown
    negative: np.ndarray  # the same for the other class
    folds: np.ndarray | None = None  # of each example, or None
    num_folds: int = 1

    def rows(self, rows: slice) -> "Targets":
        """Returns the targets of some examples."""
        folds = None if self.folds is None else self.folds[rows]
        return replace(
            self, positive=self.positive[rows], negative=self.negative[rows], folds=folds
        )

    def columns(self, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the weights of both classes, `(examples, columns)`, of some columns."""
        if self.folds is None:
            return self.positive[:, columns], self.negative[:, columns]
        folds, tasks = np.divmod(columns, self.positive.shape[1])
        seen = self.folds[:, None] != folds
        return self.positive[:, tasks] * seen, self.negative[:, tasks] * seen

    @cached_property
    def num_known(self) -> np.ndarray:
        """Number of known labels of each column, at least 1."""
        return np.maximum(self._totals((self.positive + self.negative) > 0), 1)

    @cached_property
    def spread(self) -> np.ndarray:
        """Mean curvature of each column's loss if every logit is that of the prior."""
        positive, negative = self._totals(self.positive), self._totals(self.negative)
        both = np.maximum(positive + negative, 1e-12)
        spread: np.ndarray = positive * negative / both / self.num_known
        return spread

    def _totals(self, values: np.ndarray) -> np.ndarray:
        """Returns the sum of each column, float64."""
        if self.folds is None:
            return np.asarray(values.sum(axis=0, dtype=np.float64))
        sums = [np.bincount(self.folds, task, self.num_folds) for task in values.T]
        by_fold = np.stack(sums, axis=1)
        return np.asarray(by_fold.sum(axis=0) - by_fold).ravel()
