"""Tasks of which only positives were recorded: unknown labels count as a weak "no" in training."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import kerastl
from kerastl.config import parse_config
from kerastl.runs import Run

NUM = 160


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of which half are bright; training rows say so only of half of the bright ones."""
    folder = tmp_path_factory.mktemp("presence")
    random = np.random.default_rng(0)
    lines = ["path,bright,split"]
    for number in range(NUM):
        bright = number % 2
        level = 110 + 30 * bright + random.normal(0, 10)
        image = np.clip(random.normal(level, 20, (32, 32, 3)), 0, 255)
        Image.fromarray(image.astype(np.uint8)).save(folder / f"{number}.png")
        part = ("train", "train", "test", "test")[(number // 2) % 4]
        is_recorded = bright and number % 3
        label = str(bright) if part == "test" else "1" if is_recorded else ""
        lines.append(f"{number}.png,{label},{part}")
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    return folder


def trained(folder: Path, name: str, when_unknown: object, **sections: object) -> Run:
    config = parse_config(
        {
            "data": {
                "table": str(folder / "table.csv"),
                "image": "path",
                "tasks": ["bright"],
                "labels": {"bright": {"when_unknown": when_unknown}},
                "split": {"column": "split"},
            },
            "backbone": {"name": "tiny:image", "input_size": 32},
            "evaluation": {"bootstrap": 0},
            **sections,
        }
    )
    return kerastl.train(config, output=folder / name)


def auc(run: Run) -> float:
    return float(run.metrics["test"]["tasks"]["bright"]["auc"])


@pytest.mark.parametrize(
    "fit", [{}, {"solver": "keras", "epochs": 30, "learning_rate": 0.01}], ids=["exact", "keras"]
)
def test_a_weak_no_is_learned_from_and_stays_unknown_in_scores(folder: Path, fit: dict) -> None:
    name = fit.get("solver", "exact")
    run = trained(folder, name, {"weak_negative": 0.2}, fit=fit)
    assert auc(run) > 0.85
    assert run.record.bundle.tasks["bright"].labels.when_unknown.weak_negative == 0.2
    train = run.record.rows("train")["bright_label"]
    assert train.isna().sum() > 40
    assert set(train.dropna()) == {1}
    assert run.record.metrics["train"].tasks["bright"].known == len(train.dropna())


def test_negative_is_a_no_of_full_weight(folder: Path) -> None:
    full = trained(folder, "negative", "negative")
    weak = trained(folder, "full", {"weak_negative": 1.0})
    np.testing.assert_array_equal(full.predictions["bright"], weak.predictions["bright"])


def test_without_it_every_probability_is_near_one(folder: Path) -> None:
    assert trained(folder, "ignored", "ignore").predictions["bright"].min() > 0.9
    weak = trained(folder, "weak", {"weak_negative": 0.2}).predictions["bright"]
    assert weak.min() < 0.5 < weak.max()
