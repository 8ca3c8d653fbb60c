"""A value passes through the package without returning to a file again and again."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("value", ["table", "trainable", "image", "label"])
def test_no_walk_returns_to_a_file_more_than_twice(value: str) -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/walks.py", value],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    last = done.stdout.splitlines()[-1]
    *_, returns_to_one = map(int, re.findall(r"\d+", last))
    assert returns_to_one <= 2, done.stdout
