"""Runs that several files of tests use."""

from pathlib import Path

import pytest
import yaml

import kerastl
from kerastl.runs import Run


@pytest.fixture(scope="module")
def bright(bright_images: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with several views and heads, whose images are larger than its input."""
    folder = tmp_path_factory.mktemp("many-views")
    data = {"table": str(bright_images / "table.csv"), "image": "path", "tasks": ["bright", "red"]}
    config = {
        "data": {**data, "group": "scene"},
        "backbone": {"name": "tiny:image", "weights": None},
        "features": {"sizes": [32, 24], "flips": True},
        "heads": "multi",
        "evaluation": {"bootstrap": 50},
    }
    (folder / "bright.yaml").write_text(yaml.safe_dump(config))
    return kerastl.train(folder / "bright.yaml", output=folder / "bright")
