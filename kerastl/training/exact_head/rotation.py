"""Standardization of features and rotation to their principal axes, where L2 problems are easy.

Convention: a rotation changes neither the L2 norm of the weights nor the logits, so the optimum is
the same. The curvature of the loss becomes nearly diagonal and is known in advance.
"""

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from kerastl.training.exact_head.partitions import LocalPartitions, Partition, Partitions

_NEGLIGIBLE = 1e-9  # share of the largest variance below which an axis is rounding error


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Features along their principal axes."""

    partitions: Partitions
    mean: np.ndarray  # of each feature
    scale: np.ndarray  # standard deviation of each feature, 1 if it is constant
    axes: np.ndarray  # orthonormal columns, `(feature_dim, axes)`
    variances: np.ndarray  # mean square along each axis

    @property
    def dim(self) -> int:
        """Number of axes."""
        return self.axes.shape[1]


def rotate(partitions: Partitions) -> Problem:
    """Standardizes features and rotates them to their principal axes; a constant one becomes 0."""
    mean, scale = _moments(partitions)
    partitions.each("standardize", mean, scale)
    num_examples = sum(partitions.sizes)
    if len(partitions.sizes) == 1 and 2 * num_examples < len(mean):
        variances, shares = _principal(partitions.each("products")[0] / num_examples)
        lengths = np.sqrt(num_examples * variances)
        axes = np.linalg.qr(partitions.each("combinations", shares)[0] / lengths)[0]
    else:
        covariance = np.sum(partitions.each("covariance", num_examples), axis=0)
        variances, axes = _principal(covariance.astype(np.float32))
    partitions.each("rotate", axes)
    return Problem(
        partitions=partitions, mean=mean, scale=_finite(scale), axes=axes, variances=variances
    )


def mean_and_deviation(features: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the mean and the standard deviation of each feature over rows; 1 if constant."""
    mean, scale = _moments(LocalPartitions(Partition(features, rows)))
    return mean, _finite(scale)


def _moments(partitions: Partitions) -> tuple[np.ndarray, np.ndarray]:
    """Returns the mean and the standard deviation of each feature; inf if it is constant."""
    num_examples = sum(partitions.sizes)
    mean = sum(partitions.each("sums")) / num_examples
    scale = np.sqrt(sum(partitions.each("squares", mean)) / num_examples)
    scale[scale < 1e-6 * np.maximum(np.abs(mean), 1e-6)] = np.inf
    return mean, scale


def _finite(scale: np.ndarray) -> np.ndarray:
    return np.where(np.isinf(scale), 1.0, scale)


def _principal(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    variances, axes = scipy.linalg.eigh(matrix, driver="evd", check_finite=False)
    kept = variances > _NEGLIGIBLE * max(variances.max(), 1e-30)
    return np.maximum(variances[kept], 1e-12).astype(np.float32), axes[:, kept]
