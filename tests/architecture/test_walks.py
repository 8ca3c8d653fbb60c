"""A value passes through the package without returning to a file again and again."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VALUES = ("table", "trainable", "image", "label")


@pytest.fixture(scope="module")
def walks() -> dict[str, str]:
    """What is printed of each walk."""
    done = subprocess.run(
        [sys.executable, "benchmarks/walks.py", *VALUES],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    parts = re.split(r"^(\w+):\n", done.stdout, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("value", VALUES)
def test_no_walk_returns_to_a_file_more_than_twice(value: str, walks: dict[str, str]) -> None:
    *_, returns_to_one = map(int, re.findall(r"\d+", walks[value].splitlines()[-1]))
    assert returns_to_one <= 2, walks[value]
