"""A training that is killed at any change of a file ends, resumed, with the same bits.

The kills themselves are in `benchmarks/kills.py`, those at random moments in `faults.py` there.
"""

import subprocess
import sys
from pathlib import Path

import pytest

FILES = (
    "run",  # the folder, when the training starts
    "000000.npz",  # the first checkpoint
    "000005.npz",  # the last one, which is always written
    "predictions.parquet",
    "model.keras",
    "bundle.json",
    "report.html",
)


def kills(repository: Path, *arguments: str) -> str:
    """Runs the script, which ends with status 1 if a resumed training differs."""
    found = subprocess.run(
        [sys.executable, "benchmarks/kills.py", *arguments],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr[-2000:]
    return found.stdout


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(("000000.npz", "model.keras", "report.html"), id="some files"),
        pytest.param(FILES, id="every file", marks=pytest.mark.slow),
    ],
)
def test_a_training_killed_while_it_writes_a_file_resumes_to_the_same_bits(
    repository: Path, files: tuple[str, ...]
) -> None:
    table = kills(repository, "--scenario", "tuned", "--files", *files)
    assert f"| all | {len(files)} | {len(files)} |" in table


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scenario", "every"),
    [
        ("exact", 2),
        ("heads", 2),
        ("augmented", 2),
        ("tuned", 2),
        ("last_stage", 2),
        ("auto", 12),  # in the trial of each rate
        ("audio", 8),
    ],
)
def test_a_training_killed_at_any_change_of_a_file_resumes_to_the_same_bits(
    repository: Path, scenario: str, every: int
) -> None:
    kills(repository, "--scenario", scenario, "--every", str(every))


@pytest.mark.slow
def test_after_a_fault_the_result_is_the_undisturbed_one(repository: Path) -> None:
    job = ["--job", "train (exact)", "extract --shard, merge"]
    done = subprocess.run(
        [sys.executable, "benchmarks/faults.py", *job],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert "0 of them not as promised" in done.stdout
