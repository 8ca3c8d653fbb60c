"""`kerastl compare`: what it prints, and what it says when something is wrong."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def config(bright_images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("command") / "bright.yaml"
    settings = {
        "data": {
            "table": str(bright_images / "table.csv"),
            "image": "path",
            "tasks": ["bright", "red"],
        },
        "backbone": {"name": "tiny:image", "weights": None, "input_size": 32},
    }
    path.write_text(yaml.safe_dump(settings))
    return path


def test_it_prints_differences_sides_and_findings_and_json_is_the_same(
    kerastl_command: Command, config: Path, tmp_path: Path
) -> None:
    arguments = ["compare", config, "--axis", "examples=15,all", "--seeds", 1]
    printed = kerastl_command(*arguments, "--output", tmp_path / "c")
    assert printed.code == 0, printed.err
    for part in ("All examples instead of 15", "macro", "Findings:", str(tmp_path / "c")):
        assert part in printed.out
    again = kerastl_command(*arguments, "--output", tmp_path / "c", "--json")
    assert "2 of 2 trainings are finished" in " ".join(again.err.split())
    values = json.loads(again.out)
    assert values["axis"] == "examples"
    assert values["comparison"] == str(tmp_path / "c")


def test_the_trainings_have_the_seed_and_the_numbers_after_it(
    kerastl_command: Command, config: Path, tmp_path: Path
) -> None:
    arguments = ["compare", config, "--axis", "examples=15,all", "--seeds", 2, "--seed", 7]
    values = json.loads(kerastl_command(*arguments, "--output", tmp_path, "-q", "--json").out)
    assert values["seeds"] == [7, 8]
    trained = sorted(tmp_path.glob("arms/*all*/seed-*/config.yaml"))
    assert [yaml.safe_load(path.read_text())["fit"]["seed"] for path in trained] == [7, 8]
    assert all(side["cost"]["parameters"] > 0 for side in values["sides"])
    assert "--set fit.seed=7" in values["command"]


@pytest.mark.parametrize(
    ("axis", "parts"),
    [
        (
            "sharng",
            ["'sharng' is not an axis by itself", "--axis sharng", "Did you mean 'sharing'?"],
        ),
        ("examples=5000,all", ["cannot have these values", "training rows", "5000"]),
        ("uncertain", ["No cell of the table is uncertain", "data.labels"]),
        ("backbone=tiny:imag,tiny:image", ["tiny:imag"]),
    ],
)
def test_what_cannot_be_compared_is_said_before_anything_is_written(
    kerastl_command: Command, config: Path, tmp_path: Path, axis: str, parts: list[str]
) -> None:
    result = kerastl_command("compare", config, "--axis", axis, "--output", tmp_path / "c")
    assert result.code == 2, result.err
    assert "Traceback" not in result.err
    for part in parts:
        assert part in result.err
    assert not (tmp_path / "c" / "arms").exists()
