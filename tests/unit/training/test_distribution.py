"""Replicas of a model are trained as one device trains it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Differences = dict[str, dict[str, float]]


@pytest.fixture(scope="module")
def differences() -> Callable[..., Differences]:
    """Returns a function that trains cases of `replicas.py` in a process of its own."""

    def run(num_replicas: int, *cases: str) -> Differences:
        found = subprocess.run(
            [sys.executable, Path(__file__).with_name("replicas.py"), str(num_replicas), *cases],
            env={**os.environ, "KERAS_BACKEND": "tensorflow", "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert found.returncode == 0, found.stderr[-3000:]
        values: Differences = json.loads(found.stdout)
        return values

    return run


def unequal(found: dict[str, float]) -> dict[str, float]:
    """Returns what differs by more than the rounding of float32."""
    return {name: value for name, value in found.items() if not value <= 1e-6}


def test_weights_and_figures_of_replicas_are_those_of_one_device(differences) -> None:
    """Known labels are unevenly spread, and the last batch cannot be divided."""
    assert not unequal(differences(2, "several heads")["several heads"])


@pytest.mark.slow
def test_so_they_are_with_more_replicas_than_a_batch_has_examples(differences) -> None:
    exact = ("examples", "known", "tasks", "several heads", "adapters")
    for found in differences(3, *exact).values():
        assert not unequal(found)


@pytest.mark.slow
def test_only_batch_norm_that_is_updated_and_dropout_depend_on_the_replicas(differences) -> None:
    found = differences(2, "batch norm", "dropout")
    assert any(name.endswith("moving_mean") for name in unequal(found["batch norm"]))
    assert unequal(found["dropout"])
