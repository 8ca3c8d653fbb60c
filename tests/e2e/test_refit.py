"""Heads of a frozen backbone are solved on validation rows too, and scored there by other folds."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import kerastl
from kerastl.config import parse_config
from kerastl.config.head import resolve_heads
from kerastl.runs import Run
from kerastl.training.plan import plan_training

NUM = 90


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images that are brighter if the answer is yes, with noise that no head can see through."""
    folder = tmp_path_factory.mktemp("refit")
    random = np.random.default_rng(0)
    lines = ["path,bright,split"]
    for number in range(NUM):
        bright = number % 2
        level = 100 + 40 * bright + random.normal(0, 30)
        image = np.clip(random.normal(level, 20, (32, 32, 3)), 0, 255)
        Image.fromarray(image.astype(np.uint8)).save(folder / f"{number}.png")
        part = ("train", "train", "validation", "test")[(number // 2) % 4]
        lines.append(f"{number}.png,{bright},{part}")
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    return folder


def trained(folder: Path, name: str, *, trainable: object = False, **fit: object) -> Run:
    config = parse_config(
        {
            "data": {
                "table": str(folder / "table.csv"),
                "image": "path",
                "tasks": ["bright"],
                "split": {"column": "split"},
            },
            "backbone": {"name": "tiny:image", "input_size": 32},
            "trainable": trainable,
            "fit": fit,
            "evaluation": {"bootstrap": 0},
        }
    )
    return kerastl.train(config, output=folder / name, cache=False)


@pytest.fixture(scope="module")
def refitted(folder: Path) -> Run:
    return trained(folder, "refitted")


@pytest.fixture(scope="module")
def plain(folder: Path) -> Run:
    return trained(folder, "plain", refit=False)


def test_thresholds_and_calibration_rest_on_training_and_validation_rows(
    refitted: Run, plain: Run
) -> None:
    parts = refitted.record.predictions["split"].value_counts()
    both = parts["train"] + parts["validation"]
    assert refitted.record.bundle.fitted_on == ("train", "validation")
    assert refitted.record.bundle.tasks["bright"].tuned_on == f"out-of-fold, {both} known labels"
    assert plain.record.bundle.fitted_on == ("train",)
    assert (
        plain.record.bundle.tasks["bright"].tuned_on
        == f"out-of-fold, {parts['train']} known labels"
    )


def test_auto_that_stays_frozen_is_the_frozen_training(refitted: Run, folder: Path) -> None:
    auto = trained(folder, "auto", trainable="auto")
    found = auto.record.bundle.evidence.features.auto
    assert found is not None
    assert "cannot be compared" in found.reason
    pd.testing.assert_frame_equal(auto.predictions, refitted.predictions)
    assert auto.record.bundle.tasks == refitted.record.bundle.tasks
    assert auto.record.bundle.fitted_on == refitted.record.bundle.fitted_on


def test_validation_rows_are_scored_by_heads_that_did_not_see_them(
    refitted: Run, folder: Path
) -> None:
    record = refitted.record
    rows = record.rows("validation")
    own = refitted.predict([folder / Path(name).name for name in rows["path"]], cache=False)
    assert np.abs(own["bright"].to_numpy() - rows["bright"].to_numpy()).max() > 0.01
    test = record.rows("test")
    same = refitted.predict([folder / Path(name).name for name in test["path"]], cache=False)
    np.testing.assert_allclose(same["bright"], test["bright"], atol=1e-5)
    assert "out-of-fold" in str(record.metrics["validation"].note)


def test_evaluating_the_validation_split_gives_the_stored_scores(refitted: Run) -> None:
    again = refitted.evaluate(split="validation", cache=False)
    stored = refitted.record.metrics["validation"]
    assert again["macro"]["auc"] == pytest.approx(stored.macro.auc)
    assert again["note"] == stored.note


def test_rows_of_both_splits_count_as_trained_on(refitted: Run, plain: Run, folder: Path) -> None:
    for run, expected in ((refitted, "trained on 68 of 90"), (plain, "trained on 46 of 90")):
        found = run.evaluate(folder / "table.csv", cache=False)
        assert expected in found["note"]


def test_validation_stays_apart_if_it_decides_something() -> None:
    def parts(**sections: object) -> tuple[str, ...]:
        data = {"table": "a.csv", "audio": "path", "tasks": ["word"]}
        config = parse_config({"data": data, "backbone": {"name": "tiny:speech"}, **sections})
        return plan_training(config, resolve_heads(config.heads, config.data.tasks)).fitted_on

    assert parts() == ("train", "validation")
    assert parts(fit={"regularization": 0.1}) == ("train",)
    assert parts(fit={"refit": False}) == ("train",)
    assert parts(trainable=True) == ("train",)
    listening = {"threshold": "false_accepts_per_hour<=9", "recordings": "validation.csv"}
    assert parts(evaluation=listening) == ("train",)


def test_the_config_of_an_older_run_means_what_it_meant(refitted: Run, tmp_path: Path) -> None:
    shutil.copytree(refitted.path, tmp_path / "old")
    config = (tmp_path / "old" / "config.yaml").read_text()
    start = config.index("features:")
    end = config.index("loss:")
    older = (config[:start] + config[end:]).replace("refit: true, ", "")
    assert "refit:" not in older
    (tmp_path / "old" / "config.yaml").write_text(older)
    (tmp_path / "old" / "SHA256SUMS").unlink()  # older runs have none
    record = kerastl.load_run(tmp_path / "old").record
    assert record.config.features is None
    assert record.config.fit.refit is False
