"""The pages of the manual, and the folder of the tests' own modules."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(ROOT / "docs"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the project."""
    return ROOT
