"""Features in memory, in files and in several places give the same heads."""

import os
import subprocess
import sys
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerastl import scratch
from kerastl.training.exact_head import partitions, solver
from kerastl.training.exact_head.partitions import LocalPartitions, Partition
from kerastl.training.exact_head.solver import ExactHead, solve_head


def make_problem() -> tuple[np.ndarray, np.ndarray]:
    """Returns features with a constant one, and tasks with few labels, one class, and none."""
    random = np.random.default_rng(0)
    features = (random.normal(size=(900, 24)) * random.uniform(0.1, 5, 24) + 3).astype("f4")
    features[:, 3] = 7.0
    logits = (features - features.mean(0)) @ random.normal(size=(24, 5)) / 12
    labels = (random.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(float)
    labels[random.random(labels.shape) > [1, 0.7, 0.05, 0.5, 0]] = np.nan
    labels[:, 3] = np.where(np.isnan(labels[:, 3]), np.nan, 1.0)
    return features, labels


GROUPS = np.array([f"g{number % 200}" for number in range(900)])
SETTINGS: list[dict[str, Any]] = [
    {"groups": None},
    {"groups": GROUPS, "num_folds": 3, "seed": 3},
    {"groups": None, "regularization": 0.01, "label_smoothing": 0.1},
    {"groups": GROUPS, "unknown_weight": [0.0, 0.2, 0.1, 0.0, 0.0]},
    {"groups": None, "positive_weight": [1.0, 2.0, 5.0, 1.0, 1.0]},
]


def assert_equal(one: ExactHead, other: ExactHead, tolerance: float = 0) -> None:
    for mine, others in zip(astuple(one), astuple(other), strict=True):
        if mine is not None or others is not None:
            np.testing.assert_allclose(mine, others, rtol=0, atol=tolerance)


@pytest.mark.parametrize("settings", SETTINGS)
def test_features_in_files_give_the_same_head_bit_by_bit(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, labels = make_problem()
    in_memory = solve_head(features, labels, **settings)
    mapped = np.memmap(tmp_path / "features", "f4", "w+", shape=features.shape)
    mapped[:] = features
    made: list[np.ndarray] = []

    def recorded(shape: tuple[int, ...], what: str) -> np.ndarray:
        made.append(scratch.float_array(shape, what))
        return made[-1]

    monkeypatch.setattr(scratch, "MEMORY_SHARE", 0)
    monkeypatch.setattr(partitions, "float_array", recorded)
    assert_equal(solve_head(mapped, labels, **settings), in_memory)
    assert [type(array) for array in made] == [np.memmap]
    np.testing.assert_array_equal(mapped, features)


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_head_does_not_depend_on_the_size_of_chunks_and_the_number_of_places(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    features, labels = make_problem()
    labels[:, 3] = labels[:, 0]  # if all labels are equal, every strength predicts them as well
    expected = solve_head(features, labels, **settings)
    scale = np.abs(expected.kernel).max()
    places = LocalPartitions(*(Partition(part) for part in np.split(features, [100, 107, 600])))
    found = [solve_head(places, labels, **settings)]
    for rows in (1, 7):
        monkeypatch.setattr(partitions, "_CHUNK", 1 + 100 * rows)
        monkeypatch.setattr(partitions, "_CHUNK_VALUES", 24 * 256 * rows)
        found.append(solve_head(features, labels, **settings))
    for head in found:
        np.testing.assert_array_equal(head.strengths, expected.strengths)
        for mine, others, tolerance in (
            (head.kernel, expected.kernel, 1e-6 * scale),
            (head.logits(features), expected.logits(features), 1e-6 * 10),
        ):
            np.testing.assert_allclose(mine, others, rtol=0, atol=tolerance)
        if head.path is not None and expected.path is not None:  # in single precision
            best, found_best = np.nanmin(expected.path, axis=0), np.nanmin(head.path, axis=0)
            np.testing.assert_allclose(found_best, best, rtol=0, atol=1e-3)


def test_the_number_of_threads_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels = make_problem()
    monkeypatch.setattr(partitions, "_CHUNK_VALUES", 24 * 256)
    expected = solve_head(features, labels, groups=None)
    monkeypatch.setattr(partitions, "num_processors", lambda: 3)
    assert_equal(solve_head(features, labels, groups=None), expected)


def test_rows_of_features_are_solved_as_a_copy_of_these_rows() -> None:
    features, labels = make_problem()
    rows = np.flatnonzero(np.arange(900) % 3)
    chosen = solve_head(features, labels[rows], rows=rows, groups=None)
    assert_equal(chosen, solve_head(features[rows], labels[rows], groups=None))


def test_features_of_half_precision_are_those_numbers() -> None:
    features, labels = make_problem()
    half = features.astype(np.float16)
    assert_equal(
        solve_head(half, labels, groups=None), solve_head(half.astype("f4"), labels, groups=None)
    )


def test_blocks_of_tasks_solved_apart_are_those_solved_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(solver, "TASKS_TOGETHER", 2)
    features, labels = make_problem()
    weights = {"positive_weight": [1.0, 2, 3, 1, 1], "unknown_weight": [0, 0, 0.1, 0.1, 0]}
    whole = solve_head(features, labels, groups=GROUPS, **weights)
    parts = [
        solve_head(features, labels, groups=GROUPS, tasks=tasks, **weights)
        for tasks in ([0, 1], [2, 3, 4])
    ]
    assert_equal(ExactHead.join(parts), whole)


_CODE = """
import resource, sys
import numpy as np
from kerastl import scratch
from kerastl.training.exact_head.solver import solve_head
import scipy.linalg, scipy.optimize, threadpoolctl, pandas
random = np.random.default_rng(0)
features = scratch.np.memmap(sys.argv[1], "f4", "w+", shape=(200_000, 512))
for begin in range(0, 200_000, 1000):
    features[begin : begin + 1000] = random.standard_normal((1000, 512), np.float32)
labels = (features[:, :2] > random.normal(size=(200_000, 2))).astype(np.float32)
scratch.MEMORY_SHARE = float(sys.argv[2])
used = int(open("/proc/self/status").read().split("VmData:")[1].split()[0]) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (used + 300 * 2**20,) * 2)
head = solve_head(features, labels, groups=None, regularization=0.01)
assert np.isfinite(head.logits(features)).all()
"""


@pytest.mark.slow
@pytest.mark.parametrize(("share", "fits"), [("0", True), ("0.9", False)])
def test_memory_is_bounded_by_chunks(share: str, fits: bool, tmp_path: Path) -> None:
    """The features have 410 MB and the limit leaves 315 MB, without files that are mapped."""
    command = [sys.executable, "-c", _CODE, str(tmp_path / "features"), share]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode == 0) == fits, done.stderr
    assert fits or "MemoryError" in done.stderr
