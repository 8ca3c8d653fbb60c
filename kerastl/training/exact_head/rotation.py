"""Standardization of features and rotation to their principal axes, where L2 problems are easy.

Convention: a rotation changes neither the L2 norm of the weights nor the logits, so the optimum is
the same. The curvature of the loss becomes nearly diagonal and is known in advance.
"""

import numpy as np
import scipy.linalg

from kerastl.threads import one_blas_thread
from kerastl.training.exact_head.logistic import Problem

_CHUNK = 4096
_NEGLIGIBLE = 1e-9  # share of the largest variance below which an axis is rounding error


def standardize(features: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns features with mean 0 and variance 1, the means and the standard deviations.

    A constant feature becomes 0, and its deviation counts as 1.
    """
    mean, square = np.zeros(features.shape[1]), np.zeros(features.shape[1])
    for begin in range(0, len(features), _CHUNK):
        mean += features[begin : begin + _CHUNK].sum(axis=0, dtype=np.float64)
    mean /= len(features)
    for begin in range(0, len(features), _CHUNK):
        square += np.square(features[begin : begin + _CHUNK] - mean).sum(axis=0)
    scale = np.sqrt(square / len(features))
    constant = scale < 1e-6 * np.maximum(np.abs(mean), 1e-6)
    scale[constant] = 1.0
    standardized = np.empty(features.shape, np.float32)
    for begin in range(0, len(features), _CHUNK):
        chunk = features[begin : begin + _CHUNK]
        standardized[begin : begin + _CHUNK] = (chunk - mean) / scale
    standardized[:, constant] = 0.0
    return standardized, mean, scale


def rotate(features: np.ndarray) -> tuple[Problem, np.ndarray]:
    """Rotates standardized float32 features to their principal axes; may overwrite them.

    Returns the rotated features, and the axes as orthonormal columns, `(feature_dim, axes)`.
    """
    with one_blas_thread():
        is_wide = 2 * len(features) < features.shape[1]
        return _rotate_wide(features) if is_wide else _rotate(features)


def _rotate(features: np.ndarray) -> tuple[Problem, np.ndarray]:
    covariance = np.zeros((features.shape[1], features.shape[1]), np.float32)
    for begin in range(0, len(features), _CHUNK):
        chunk = features[begin : begin + _CHUNK]
        covariance += chunk.T @ chunk / len(features)
    variances, axes = _principal(covariance)
    for begin in range(0, len(features), _CHUNK):
        chunk = features[begin : begin + _CHUNK]
        features[begin : begin + _CHUNK, : axes.shape[1]] = chunk @ axes
    return Problem(features=features[:, : axes.shape[1]], variances=variances), axes


def _rotate_wide(features: np.ndarray) -> tuple[Problem, np.ndarray]:
    """Returns the same from the products of examples, if there are fewer examples than features."""
    variances, shares = _principal(features @ features.T / len(features))
    lengths = np.sqrt(len(features) * variances)
    axes = np.linalg.qr((features.T @ shares) / lengths)[0]
    return Problem(features=features @ axes, variances=variances), axes


def _principal(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    variances, axes = scipy.linalg.eigh(matrix, driver="evd", check_finite=False)
    kept = variances > _NEGLIGIBLE * max(variances.max(), 1e-30)
    return np.maximum(variances[kept], 1e-12).astype(np.float32), axes[:, kept]
