"""Many logistic regressions with L2 on the same features, minimized together.

Convention: the features are given along their principal axes. There, the curvature of each column
is about `spread * variance + strength` along each axis, and every weight is measured in units of
`1 / sqrt` of it. L-BFGS then needs tens of passes instead of hundreds.
"""

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import scipy.optimize

from kerastl.threads import one_blas_thread
from kerastl_runtime.threads import num_processors

Precision = type[np.float32] | type[np.float64]

_BIAS_PENALTY = 1e-8  # keeps the bias finite if all known labels are equal
_MAX_ITERATIONS = 500
_CHUNK_VALUES = 2**20  # features per chunk: 4 MB, which fit into the processor's cache


@dataclass(frozen=True, kw_only=True)
class Targets:
    """Weights in the loss of each column: `positive * softplus(-z) + negative * softplus(z)`."""

    positive: np.ndarray  # `(examples, columns)`, 0 where unknown
    negative: np.ndarray  # the same for the other class

    @property
    def num_known(self) -> np.ndarray:
        """Number of known labels of each column, at least 1."""
        return np.maximum(((self.positive + self.negative) > 0).sum(axis=0), 1)

    @property
    def spread(self) -> np.ndarray:
        """Mean curvature of each column's loss if every logit is that of the prior."""
        positive = self.positive.sum(axis=0, dtype=np.float64)
        negative = self.negative.sum(axis=0, dtype=np.float64)
        both = np.maximum(positive + negative, 1e-12)
        spread: np.ndarray = positive * negative / both / self.num_known
        return spread


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Features along their principal axes."""

    features: np.ndarray  # `(examples, axes)` float32
    variances: np.ndarray  # mean square along each axis

    @property
    def dim(self) -> int:
        """Number of axes."""
        return self.features.shape[1]

    def logits(self, weights: np.ndarray) -> np.ndarray:
        """Returns `(examples, columns)` for weights whose last row is the bias."""
        kernel, bias = weights[:-1].astype(np.float32), weights[-1].astype(np.float32)
        with one_blas_thread():
            logits: np.ndarray = self.features @ kernel
        logits += bias
        return logits

    def chunks(self) -> list[slice]:
        """Returns chunks of rows that fit into the processor's cache."""
        most = max(256, _CHUNK_VALUES // max(self.dim, 1))
        num_chunks = max(1, -(-len(self.features) // most))
        edges = np.linspace(0, len(self.features), num_chunks + 1).astype(int)
        return [slice(int(a), int(b)) for a, b in itertools.pairwise(edges)]


def minimize(
    problem: Problem,
    targets: Targets,
    strengths: np.ndarray,
    start: np.ndarray | None = None,
    *,
    tolerance: float,
    precision: Precision = np.float32,
) -> np.ndarray:
    """Minimizes the mean loss over known labels plus L2 for all columns together.

    Initial weights (0 if None) and result are `(axes + 1, columns)`; the last row is the bias.
    There is an L2 strength for each column. The tolerance is the largest remaining slope, with
    weights in units of their curvature; passes in float32 allow about 1e-4.
    """
    shape = (problem.dim + 1, targets.positive.shape[1])
    penalty = np.repeat(strengths[None, :].astype(np.float64), shape[0], axis=0)
    penalty[-1] = _BIAS_PENALTY
    variances = np.append(problem.variances, 1.0)[:, None]
    unit = 1.0 / np.sqrt(targets.spread * variances + penalty)
    with _pass_over(problem, targets, precision) as data_term:

        def loss_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
            weights = flat.reshape(shape) * unit
            loss, gradient = data_term(weights)
            gradient += penalty * weights
            return loss + 0.5 * float((penalty * weights**2).sum()), (gradient * unit).ravel()

        result = scipy.optimize.minimize(
            loss_and_gradient,
            (np.zeros(shape) if start is None else start / unit).ravel(),
            jac=True,
            method="L-BFGS-B",
            options={
                "maxiter": _MAX_ITERATIONS,
                "gtol": tolerance,
                "ftol": 1e-3 * tolerance**2,
                "maxcor": 10,
            },
        )
    solution: np.ndarray = result.x.reshape(shape) * unit
    return solution


def mean_loss(logits: np.ndarray, targets: Targets) -> np.ndarray:
    """Returns the loss of each column, mean over its known labels, for `(examples, columns)`."""
    return _losses_and_slopes(logits, targets.positive, targets.negative)[0] / targets.num_known


@contextmanager
def _pass_over(
    problem: Problem, targets: Targets, precision: Precision
) -> Iterator[Callable[[np.ndarray], tuple[float, np.ndarray]]]:
    """Yields a function from weights to the summed mean losses of all columns and their gradient.

    Chunks of rows run in separate threads with a single-threaded BLAS: threads of BLAS wait for
    each other in busy loops, which is very slow if other programs run too.
    """
    scale = (1.0 / targets.num_known).astype(precision)
    chunks = problem.chunks()
    num_threads = min(num_processors(), len(chunks))

    def work(thread: int, kernel: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        losses = np.zeros(kernel.shape[1])
        gradient = np.zeros((len(kernel) + 1, kernel.shape[1]))
        for rows in chunks[thread::num_threads]:
            features = problem.features[rows].astype(precision, copy=False)
            found, slopes = _losses_and_slopes(
                features @ kernel + bias, targets.positive[rows], targets.negative[rows]
            )
            losses += found
            slopes *= scale
            gradient[:-1] += features.T @ slopes
            gradient[-1] += slopes.sum(axis=0, dtype=np.float64)
        return losses, gradient

    with one_blas_thread(), ThreadPoolExecutor(num_threads) as pool:

        def data_term(weights: np.ndarray) -> tuple[float, np.ndarray]:
            kernel, bias = weights[:-1].astype(precision), weights[-1].astype(precision)
            found = list(pool.map(lambda thread: work(thread, kernel, bias), range(num_threads)))
            loss = float((sum(losses for losses, _ in found) * scale).sum())
            return loss, np.sum([gradient for _, gradient in found], axis=0)

        yield data_term


def _losses_and_slopes(
    logits: np.ndarray, positive: np.ndarray, negative: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the summed loss of each column, and the slope of each logit."""
    decay = np.exp(-np.abs(logits))
    softplus = np.log1p(decay)
    losses = positive * (softplus + np.maximum(-logits, 0))
    losses += negative * (softplus + np.maximum(logits, 0))
    probability = np.where(logits >= 0, 1.0, decay) / (1 + decay)
    slopes = (positive + negative) * probability - positive
    return losses.sum(axis=0, dtype=np.float64), slopes
