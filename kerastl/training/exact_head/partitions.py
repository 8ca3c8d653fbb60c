"""Partitions: features of examples in one place or in several, and what is computed of them.

Convention: the solver sees features only through the methods of partitions, which return sums over
examples or logits. So they may be in memory, memory-mapped, or held by other processes. Sums add up
in the order of the examples, chunk by chunk, and depend neither on the number of threads nor on
where the features are.
"""

import itertools
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from kerastl.scratch import float_array
from kerastl.threads import one_blas_thread
from kerastl.training.exact_head.logistic import chunks, losses_and_slopes
from kerastl.training.exact_head.targets import Targets
from kerastl_runtime.threads import num_processors

T = TypeVar("T")
Precision = type[np.float32] | type[np.float64]

_CHUNK = 4096  # rows that are standardized and rotated together
_CHUNK_VALUES = 2**20  # features per chunk of a pass: 4 MB, which fit into the processor's cache
_MAX_MATRIX_VALUES = 2**28  # of the matrices of products that threads hold at once


class Partition:
    """Features of some examples that are next to each other.

    Args:
        features: `(examples, feature_dim)` of any type of floating-point numbers.
        rows: Indices of the examples that the partition consists of, or None for all.
    """

    CHANGES = ("standardize", "rotate", "set_targets")
    """Methods that change what a partition holds."""

    def __init__(self, features: np.ndarray, rows: np.ndarray | None = None):
        self._given = features
        self._rows = rows
        # Standardized, later along their principal axes.
        self._features: np.ndarray = np.zeros((0, features.shape[1]), np.float32)
        self._targets: Targets | None = None
        self._threads = ThreadPoolExecutor(num_processors())

    def __len__(self) -> int:
        return len(self._given if self._rows is None else self._rows)

    def sums(self) -> np.ndarray:
        """Returns the sum of each feature, float64."""
        return _total(self._run(lambda rows: self._take(rows).sum(axis=0, dtype=np.float64)))

    def squares(self, mean: np.ndarray) -> np.ndarray:
        """Returns the sum of squared differences of each feature from its mean, float64."""
        return _total(self._run(lambda rows: np.square(self._take(rows) - mean).sum(axis=0)))

    def standardize(self, mean: np.ndarray, scale: np.ndarray) -> None:
        """Makes a standardized copy in float32, which everything below works with."""
        shape = (len(self), self._given.shape[1])
        self._features = float_array(shape, "standardized features")

        def work(rows: slice) -> None:
            self._features[rows] = (self._take(rows) - mean) / scale

        _exhaust(self._run(work))

    def covariance(self, num_examples: int) -> np.ndarray:
        """Returns the sum of products of each two features, divided by a number of examples."""

        def work(rows: slice) -> np.ndarray:
            product = self._features[rows].T @ self._features[rows] / num_examples
            return np.asarray(product, np.float64)

        dim = self._features.shape[1]
        return _total(self._run(work, at_once=max(1, _MAX_MATRIX_VALUES // dim**2)))

    def products(self) -> np.ndarray:
        """Returns the products of each two examples."""
        with one_blas_thread():
            return np.asarray(self._features @ self._features.T)

    def combinations(self, shares: np.ndarray) -> np.ndarray:
        """Returns sums of the examples with these shares, `(feature_dim, combinations)`."""
        with one_blas_thread():
            return np.asarray(self._features.T @ shares)

    def rotate(self, axes: np.ndarray) -> None:
        """Rotates the copy to these axes, `(feature_dim, axes)`."""
        width = axes.shape[1]

        def work(rows: slice) -> None:
            self._features[rows, :width] = self._features[rows] @ axes

        _exhaust(self._run(work))
        rotated = self._features[:, :width]
        self._features = rotated if 2 * width > len(axes) else np.array(rotated)

    def set_targets(self, targets: Targets) -> None:
        """Sets the labels of the examples."""
        self._targets = targets

    def losses_and_gradient(
        self, weights: np.ndarray, columns: np.ndarray, scale: np.ndarray, precision: Precision
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the summed loss of some columns, and the gradient of the scaled ones, in float64.

        Args:
            weights: `(axes + 1, columns)`; the last row is the bias.
            columns: Indices of the columns.
            scale: Factor of each column's gradient.
            precision: Precision of the products.
        """
        assert self._targets is not None
        targets = self._targets
        kernel, bias = weights[:-1].astype(precision), weights[-1].astype(precision)
        scale = scale.astype(precision)

        def work(rows: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            features: np.ndarray = self._features[rows].astype(precision, copy=False)
            logits = features @ kernel + bias
            losses, slopes = losses_and_slopes(logits, targets.rows(rows), columns)
            slopes *= scale
            return losses, np.asarray(features.T @ slopes), slopes.sum(axis=0, dtype=np.float64)

        losses, gradient = np.zeros(weights.shape[1]), np.zeros(weights.shape)
        for found, slopes, total in self._run(work, self._passes()):
            losses += found
            gradient[:-1] += slopes
            gradient[-1] += total
        return losses, gradient

    def logits(self, weights: np.ndarray) -> np.ndarray:
        """Returns `(examples, tasks)`, of columns without the example's fold if there are folds."""
        assert self._targets is not None
        targets = self._targets
        kernel, bias = weights[:-1].astype(np.float32), weights[-1].astype(np.float32)

        def work(rows: slice) -> np.ndarray:
            logits = np.asarray(self._features[rows] @ kernel + bias)
            if targets.folds is None:
                return logits
            by_fold = logits.reshape(len(logits), targets.num_folds, -1)
            return np.asarray(by_fold[np.arange(len(logits)), targets.folds[rows]])

        logits = np.empty(targets.positive.shape, np.float32)
        passes = self._passes()
        for rows, found in zip(passes, self._run(work, passes), strict=True):
            logits[rows] = found
        return logits

    def _take(self, rows: slice) -> np.ndarray:
        return self._given[rows if self._rows is None else self._rows[rows]]

    def _passes(self) -> list[slice]:
        """Returns chunks of rows that fit into the processor's cache."""
        most = max(256, _CHUNK_VALUES // max(self._features.shape[1], 1))
        num_chunks = max(1, -(-len(self) // most))
        edges = np.linspace(0, len(self), num_chunks + 1).astype(int)
        return [slice(int(a), int(b)) for a, b in itertools.pairwise(edges)]

    def _run(
        self,
        work: Callable[[slice], T],
        passes: Sequence[slice] | None = None,
        *,
        at_once: int = 2**10,
    ) -> Iterator[T]:
        """Yields the results for chunks of rows, which threads compute, in the order of the rows.

        BLAS uses one thread for each chunk: its own threads wait for each other in busy loops,
        which is very slow if other programs run too.
        """
        parts = chunks(len(self), _CHUNK) if passes is None else passes
        pending: deque[Future[T]] = deque()
        with one_blas_thread():
            if len(parts) == 1:  # without waiting for a thread
                yield work(parts[0])
                return
            for rows in parts:
                if len(pending) == min(at_once, 2 * num_processors()):
                    yield pending.popleft().result()
                pending.append(self._threads.submit(work, rows))
            while pending:
                yield pending.popleft().result()


class Partitions(ABC):
    """All partitions of some examples, in the order of the examples."""

    sizes: Sequence[int]
    """Number of examples in each partition."""

    @abstractmethod
    def call(self, method: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Calls a method of each partition with its arguments; returns the results in order."""

    def each(self, method: str, *arguments: Any) -> list[Any]:
        """Calls a method of each partition with the same arguments."""
        return self.call(method, [arguments] * len(self.sizes))

    def set_targets(self, targets: Targets) -> None:
        """Gives each partition the labels of its examples."""
        if len(self.sizes) == 1:
            self.each("set_targets", targets)
            return
        edges = np.cumsum([0, *self.sizes]).tolist()
        parts = [targets.rows(slice(*edge)) for edge in itertools.pairwise(edges)]
        self.call("set_targets", [(part,) for part in parts])


class LocalPartitions(Partitions):
    """Partitions in this process."""

    def __init__(self, *partitions: Partition):
        self._partitions = partitions
        self.sizes = tuple(map(len, partitions))

    def call(self, method: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Calls a method of each partition with its arguments; returns the results in order."""
        pairs = zip(self._partitions, arguments, strict=True)
        return [getattr(partition, method)(*given) for partition, given in pairs]


def _total(found: Iterator[np.ndarray]) -> np.ndarray:
    total = next(found)
    for one in found:
        total += one
    return total


def _exhaust(found: Iterator[None]) -> None:
    for _ in found:
        pass
