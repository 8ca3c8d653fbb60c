"""A third media type is one module: vectors go from the table to prediction, check and report."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

MODULES = Path(__file__).parent / "vectors"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vectors")
    random = np.random.default_rng(0)
    rows = []
    for index in range(120):
        vector = random.normal(index % 2, 0.3, 4)
        np.save(folder / f"{index}.npy", vector)
        rows.append({"vector": f"{index}.npy", "large": index % 2})
    pd.DataFrame(rows).to_csv(folder / "table.csv", index=False)
    (folder / "config.yaml").write_text(
        "data: {table: table.csv, vector: vector, tasks: [large], scale: 2.0}\n"
        "backbone: {name: vectors:identity}\n"
        "evaluation: {bootstrap: 20}\n"
    )
    return folder


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    site = tmp_path_factory.mktemp("site")
    info = site / "vectors-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vectors\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[kerastl.backbones]\nvectors = vector_backbones:family\n"
    )
    return site


@pytest.fixture(scope="module")
def found(folder: Path, plugin: Path) -> dict[str, Any]:
    path = os.pathsep.join([str(MODULES), str(plugin), *sys.path])
    result = subprocess.run(
        [sys.executable, str(MODULES / "line.py"), str(folder)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path, "KERASTL_CACHE": str(folder / "cache")},
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


def test_training_on_vectors_learns_and_stores_their_contract(found: dict[str, Any]) -> None:
    assert found["auc"] > 0.95
    assert found["input"] == {
        "modality": "vector",
        "shape": [4],
        "rule_version": 1,
        "scale": 2.0,
    }


def test_a_run_predicts_tables_files_and_folders_of_vectors(found: dict[str, Any]) -> None:
    probabilities = np.array(found["probabilities"])
    assert probabilities[1::2].min() > probabilities[::2].max() - 0.5
    assert probabilities[1::2].mean() > 0.8 > 0.2 > probabilities[::2].mean()
    assert found["error"] == ["The vector cannot be read."]
    assert found["again"] == 121


def test_data_check_reports_what_the_media_type_finds(found: dict[str, Any]) -> None:
    assert "120 rows with vectors" in found["check"]
    assert "Vectors:  {4: 120}" in found["check"]
    assert found["json"]["vectors"] == {"lengths": {"4": 120}}
    assert found["json"]["images"] is None
    assert "120 rows with vectors" in found["guess"]


def test_config_backbones_and_report_know_the_media_type(found: dict[str, Any]) -> None:
    assert "vectors:identity" in found["backbones"]
    assert "vector of 4" in found["backbones"]
    assert found["schema"].index("vector") == 3
    assert found["schema"][-1] == "scale"
    assert found["preview"]
    assert found["nouns"]
