"""Runs that several files of tests use."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

import kerastl
from kerastl.runs import Run

sys.path.insert(0, str(Path(__file__).parent))  # of helpers that the tests import


def copied(run: Run, folder: Path) -> Run:
    """Returns a copy of a run, which a module of tests may change."""
    return kerastl.load_run(shutil.copytree(run.path, folder / run.path.name))


@pytest.fixture(scope="module")
def bright(trained_bright: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with several views and heads, whose images are larger than its input."""
    return copied(trained_bright, tmp_path_factory.mktemp("many-views"))


@pytest.fixture(scope="module")
def tones(trained_tones: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """An audio run that averages the features of several windows."""
    return copied(trained_tones, tmp_path_factory.mktemp("tones"))


@pytest.fixture(scope="session")
def trained_bright(bright_images: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What `bright` is a copy of."""
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


@pytest.fixture(scope="session")
def trained_tones(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What `tones` is a copy of."""
    folder, draw, rows = tmp_path_factory.mktemp("tones"), np.random.default_rng(0), []
    for number in range(40):
        tone = 0.4 * np.sin(np.arange(6000) * draw.uniform(0.6, 0.9)) * (number % 2)
        soundfile.write(folder / f"{number}.wav", tone + 0.1 * draw.standard_normal(6000), 8000)
        rows.append({"path": f"{number}.wav", "tone": number % 2})
    pd.DataFrame(rows).to_csv(folder / "tones.csv", index=False)
    config = {
        "data": {"table": "tones.csv", "audio": "path", "tasks": ["tone"], "window": "pool"},
        "backbone": {"name": "tiny:speech", "weights": None, "input_size": 4000},
        "evaluation": {"bootstrap": 50},
    }
    (folder / "tones.yaml").write_text(yaml.safe_dump(config))
    return kerastl.train(folder / "tones.yaml", output=folder / "tones")
