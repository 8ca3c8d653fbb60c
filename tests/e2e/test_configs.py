"""The configs that ship: each one loads, and the runnable ones give what their header promises."""

from pathlib import Path

import pytest

import kerastl
from kerastl.config import load_config
from kerastl.demo.digits import write_digits
from kerastl.demo.driving import draw_driving
from kerastl.demo.wake_word import write_wake_word

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
HEADER = ("Purpose:", "Data:", "Expected", "Command:")


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_config_loads_and_its_header_says_what_it_is(path: Path) -> None:
    load_config(path)
    header = "".join(line for line in path.read_text().splitlines(True) if line.startswith("#"))
    assert [word for word in HEADER if word.lower() not in header.lower()] == []


def test_digits_reaches_what_its_header_promises(tmp_path: Path) -> None:
    drawn = write_digits(tmp_path, seed=0)
    run = kerastl.train(
        CONFIGS / "digits.yaml", output=tmp_path / "run", overrides=[f"data.table={drawn.table}"]
    )
    assert run.metrics["test"]["macro"]["auc"] >= 0.98
    assert run.predictions[[f"{task}_label" for task in run.tasks]].isna().to_numpy().mean() > 0.3


@pytest.mark.slow
def test_driving_reaches_what_its_header_promises(tmp_path: Path) -> None:
    drawn = draw_driving(tmp_path, seed=0)
    run = kerastl.train(
        CONFIGS / "driving.yaml", output=tmp_path / "run", overrides=[f"data.table={drawn.table}"]
    )
    assert run.metrics["test"]["macro"]["auc"] >= 0.92
    for task in run.metrics["test"]["tasks"].values():
        low, high = task["auc_interval"]
        assert high - low < 0.15
    assert run.predictions.groupby("group")["split"].nunique().max() == 1


def test_wake_word_reaches_what_its_header_promises(tmp_path: Path) -> None:
    drawn = write_wake_word(
        tmp_path, seed=0, training_seconds=60.0, validation_seconds=10.0, test_seconds=60.0
    )
    recordings = tmp_path / "recordings" / "validation.csv"
    run = kerastl.train(
        CONFIGS / "wake_word.yaml",
        output=tmp_path / "run",
        overrides=[f"data.table={drawn.table}", f"evaluation.recordings={recordings}"],
    )
    assert run.metrics["test"]["macro"]["auc"] >= 0.95
    assert run.predictions.groupby("group")["split"].nunique().max() == 1
