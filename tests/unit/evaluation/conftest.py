"""Shared fixtures: labels, some of them unknown, and informative probabilities."""

import numpy as np
import pytest


@pytest.fixture
def gapped():
    """Returns `(labels, probabilities)`, a share of the labels unknown, with ties."""

    def make(
        num_rows: int = 300, num_tasks: int = 3, *, unknown: float = 0.3, seed: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng(seed)
        labels = (random.random((num_rows, num_tasks)) < 0.3).astype(float)
        noise = random.normal(size=labels.shape)
        probabilities = np.round(1 / (1 + np.exp(1 - 1.5 * labels - noise)), 2)
        labels[random.random(labels.shape) < unknown] = np.nan
        return labels, probabilities

    return make
