"""Thresholds, calibration, missingness and leaks in a real run."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

import kerastl
from kerastl.evaluation.adjusted_counting import PositiveShare
from kerastl.progress import Progress
from kerastl.records import from_values
from kerastl.run.evaluate import rescore
from kerastl.runs import Run

NUM_PICTURES = 320


class Listening(Progress):
    """Keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        """Keeps a warning."""
        self.warnings.append(text)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noisy pictures, bright or red; 'red' is mostly known where it is true."""
    folder = tmp_path_factory.mktemp("evaluation")
    random = np.random.default_rng(0)
    rows = []
    for number in range(NUM_PICTURES):
        bright, red = random.random(2) < 0.5
        level = 128 + 25 * random.normal() + 30 * bright
        picture = random.normal(level, 20, (24, 24, 3))
        picture[..., 0] += 40 * red + 15 * random.normal()
        Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(folder / f"{number}.png")
        known = random.random() < (0.9 if red else 0.3)
        rows.append(
            {"path": f"{number}.png", "bright": int(bright), "red": int(red) if known else ""}
        )
    frame = pd.DataFrame(rows)
    frame.to_csv(folder / "table.csv", index=False)
    frame[["path", "bright"]].to_csv(folder / "bright.csv", index=False)
    frame[["path", "red"]].iloc[::2].to_csv(folder / "red.csv", index=False)
    return folder


def train(pictures: Path, name: str, table: object = "table.csv", **more: object) -> tuple:
    config = {
        "data": {"table": table, "image": "path", "tasks": ["bright", "red"]},
        "backbone": {"name": "tiny:image", "weights": None, "input_size": 32},
        **more,
    }
    (pictures / f"{name}.yaml").write_text(yaml.safe_dump(config))
    listening = Listening()
    path = pictures / "runs" / name
    return kerastl.train(pictures / f"{name}.yaml", output=path, progress=listening), listening


@pytest.fixture(scope="module")
def trained(pictures: Path) -> tuple[Run, Listening]:
    return train(
        pictures,
        "exact",
        evaluation={"threshold": {"red": "sensitivity>=0.9"}, "bootstrap": 200},
        loss={"positive_weight": "auto"},
    )


def test_thresholds_and_calibration_come_from_out_of_fold_predictions(
    trained: tuple[Run, Listening],
) -> None:
    run, _ = trained
    frame = run.predictions[run.predictions["split"] != "test"]
    bundle = run.bundle.tasks["red"]
    known = frame["red_label"].notna().sum()
    assert bundle.tuned_on == f"out-of-fold, {known} known labels"
    assert bundle.threshold_policy == "sensitivity>=0.9"
    assert run.bundle.tasks["bright"].threshold_policy == "youden"
    stored = run.metrics["test"]["thresholds"]
    assert stored["red"]["promise"]["bound"] == bundle.bounds["sensitivity"]
    assert stored["red"]["promise"]["is_promised"] == bundle.promise.is_promised
    assert "promise" not in stored["bright"]
    assert bundle.calibration.reason is None
    assert bundle.calibration.scale != 1
    assert run.metrics["test"]["tuned_on"] == "out-of-fold"
    assert run.metrics["test"]["note"] is None
    assert "fitted on these" in run.metrics["train"]["note"]


def test_scores_come_with_intervals_and_the_figures_before_calibration(
    trained: tuple[Run, Listening],
) -> None:
    run, _ = trained
    for task in (*run.metrics["test"]["tasks"].values(), run.metrics["test"]["macro"]):
        low, high = task["auc_interval"]
        assert low <= task["auc"] <= high
        assert task["intervals"]["replicates"] == 200
        assert set(task["before_calibration"]) == {
            "log_loss",
            "brier",
            "expected_calibration_error",
        }


def test_stored_probabilities_are_the_calibrated_logits_and_decide_predict(
    trained: tuple[Run, Listening],
) -> None:
    run, _ = trained
    frame, bundle = run.predictions, run.bundle.tasks["red"]
    logits = frame["red_logit"] * bundle.calibration.scale + bundle.calibration.offset
    np.testing.assert_allclose(frame["red"], 1 / (1 + np.exp(-logits)), atol=1e-6)
    rows = frame.iloc[:40]
    decisions = run.predict(list(rows["path"]))["red_decision"].to_numpy()
    np.testing.assert_array_equal(decisions, (rows["red"] >= bundle.threshold).to_numpy())


def test_evaluate_repeats_scores_and_intervals(trained: tuple[Run, Listening]) -> None:
    run, _ = trained
    again, stored = run.evaluate()["tasks"]["red"], run.metrics["test"]["tasks"]["red"]
    for name in ("auc", "log_loss", "sensitivity", "auc_interval", "brier_interval"):
        np.testing.assert_allclose(again[name], stored[name], atol=1e-5)


def test_labels_that_are_not_missing_at_random_are_warned_of(
    trained: tuple[Run, Listening],
) -> None:
    run, listening = trained
    (warning,) = [text for text in listening.warnings if "missing at random" in text]
    assert warning.startswith("red: labels are not missing at random")
    assert "too high" in warning
    assert run.missingness["warnings"] == [warning]
    assert run.missingness["tasks"]["bright"]["train"]["unknown"] == 0
    share = run.metrics["train"]["tasks"]["red"]["positive_share"]
    assert share == run.missingness["positives"]["red"]
    assert share["among_all"] < share["among_known"]
    assert "positive_share" not in run.metrics["train"]["tasks"]["bright"]
    kept = rescore(run.record, run.bundle)["train"].tasks["red"].positive_share
    assert kept == from_values(PositiveShare, share)


def test_a_fit_by_keras_is_tuned_on_validation_and_says_so(pictures: Path) -> None:
    run, _ = train(
        pictures,
        "keras",
        fit={"solver": "keras", "epochs": 2, "learning_rate": 0.01},
        evaluation={"bootstrap": 50},
    )
    assert run.bundle.tasks["bright"].tuned_on == "validation, 48 known labels"
    assert "were chosen on these" in run.metrics["validation"]["note"]
    assert run.metrics["test"]["note"] is None
    assert run.evaluate(split="validation")["note"] == run.metrics["validation"]["note"]


def test_no_calibration_and_given_thresholds_rest_on_nothing(pictures: Path) -> None:
    run, _ = train(pictures, "given", evaluation={"calibrate": False, "threshold": 0.4})
    bundle = run.bundle.tasks["red"]
    assert (bundle.threshold, bundle.tuned_on) == (0.4, "nothing")
    assert (bundle.calibration.scale, bundle.calibration.offset) == (1, 0)
    assert bundle.calibration.reason == "evaluation.calibrate: false"


def test_a_weight_is_undone_in_probabilities_that_are_not_calibrated(pictures: Path) -> None:
    run, _ = train(
        pictures,
        "weighted",
        evaluation={"calibrate": False, "bootstrap": 50},
        loss={"positive_weight": 20},
    )
    labels, logits = run.predictions["bright_label"], run.predictions["bright_logit"]
    assert (1 / (1 + np.exp(-logits))).mean() > 1.2 * labels.mean()
    assert labels.mean() / 1.5 < run.predictions["bright"].mean() < 1.5 * labels.mean()
    assert run.bundle.tasks["bright"].calibration.offset == pytest.approx(-np.log(20))
    path = run.predictions["path"].iloc[0]
    assert run.predict([path])["bright"][0] == pytest.approx(
        run.predictions["bright"].iloc[0], abs=1e-5
    )


def test_two_tables_become_one_training_set(pictures: Path) -> None:
    run, _ = train(pictures, "merged", table=["bright.csv", "red.csv"])
    assert len(run.predictions) == NUM_PICTURES
    assert run.predictions["bright_label"].notna().all()
    known = pd.read_csv(pictures / "red.csv")["red"].notna().sum()
    assert run.predictions["red_label"].notna().sum() == known
    assert run.evaluate()["macro"]["auc"] == pytest.approx(
        run.metrics["test"]["macro"]["auc"], abs=1e-6
    )


def test_the_same_picture_in_two_splits_is_warned_of(pictures: Path) -> None:
    frame = pd.read_csv(pictures / "table.csv", dtype=str, keep_default_na=False)
    frame["part"] = np.resize(["train", "train", "validation", "test"], len(frame))
    (pictures / "copy.png").write_bytes((pictures / "0.png").read_bytes())
    frame.loc[3, "path"] = "copy.png"
    frame.to_csv(pictures / "leaky.csv", index=False)
    config = {
        "data": {
            "table": "leaky.csv",
            "image": "path",
            "tasks": ["bright"],
            "split": {"column": "part"},
        },
        "backbone": {"name": "tiny:image"},
    }
    from kerastl.config import parse_config
    from kerastl.planning import make_plan

    listening = Listening()
    make_plan(parse_config(config, base=pictures), progress=listening)
    assert any("0.png in train and copy.png in test" in text for text in listening.warnings)
