"""The whole line: train, evaluate, predict, reload, go on."""

import json
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import yaml

import kerastl
from kerastl.errors import KerastlError, RunError
from kerastl.progress import Progress
from kerastl.records import to_values
from kerastl.report import write_report
from kerastl.runs import Run


def write_config(folder: Path, table: Path, **more: object) -> Path:
    config = {
        "data": {
            "table": str(table),
            "image": "path",
            "tasks": ["bright", "red"],
            "group": "scene",
        },
        "backbone": {"name": "tiny:image", "weights": None, "input_size": 32},
        **more,
    }
    path = folder / "bright.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


class Listening(Progress):
    """Keeps warnings and notes."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.notes: list[str] = []

    def warn(self, text: str) -> None:
        """Keeps the warning."""
        self.warnings.append(text)

    def note(self, text: str) -> None:
        """Keeps the note, after a line break."""
        self.notes.append(f"\n{text}")


@pytest.fixture(scope="module")
def run(bright_images: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("line")
    config = write_config(folder, bright_images / "table.csv")
    return kerastl.train(config, output=folder / "run")


def test_the_run_folder_holds_all_of_the_training(run: Run) -> None:
    names = {path.name for path in run.path.iterdir()}
    assert {
        "config.yaml",
        "splits.csv",
        "model.keras",
        "bundle.json",
        "metrics.json",
        "predictions.parquet",
        "history.csv",
    } <= names
    assert not any(name.startswith((".writing", "state")) for name in names)


def test_the_report_shows_images_in_the_folder_of_the_training_only(
    run: Run, tmp_path: Path
) -> None:
    assert run.bundle.origin is not None
    assert run.bundle.origin.folder == str(run.path.resolve())
    assert "data:image/webp" in (run.path / "report.html").read_text()
    for folder, is_shown in ((run.path, True), (shutil.copytree(run.path, tmp_path / "r"), False)):
        page = write_report(folder, output=tmp_path / "report.html").read_text()
        assert ("data:image/webp" in page) == is_shown


def test_what_is_easy_is_learned(run: Run) -> None:
    assert run.metrics["test"]["tasks"]["bright"]["auc"] > 0.95


def test_scores_rest_on_known_labels_only(run: Run) -> None:
    frame = run.predictions
    test = frame[frame["split"] == "test"]
    assert run.metrics["test"]["tasks"]["red"]["known"] == test["red_label"].notna().sum()


def test_no_group_falls_into_two_splits(run: Run) -> None:
    assert run.predictions.groupby("group")["split"].nunique().max() == 1


def test_evaluate_repeats_the_figures_of_the_run(run: Run) -> None:
    again = run.evaluate()
    stored = run.metrics["test"]
    for task in run.tasks:
        assert again["tasks"][task]["auc"] == pytest.approx(stored["tasks"][task]["auc"], abs=1e-6)
        assert again["tasks"][task]["known"] == stored["tasks"][task]["known"]


def test_rows_that_were_trained_on_are_named_and_the_others_scored_apart(
    run: Run, bright_images: Path
) -> None:
    whole = run.evaluate(bright_images / "table.csv")
    num_train = int(run.predictions["split"].isin(["train", "validation"]).sum())
    assert f"trained on {num_train} of 60 rows of this table" in whole["note"]
    assert whole["others"]["macro"]["examples"] == 60 - num_train
    assert whole["macro"]["examples"] == 60
    assert "others" not in run.evaluate()


def test_the_bundle_and_the_scores_name_the_engine_and_its_version(run: Run) -> None:
    engine = run.bundle.engines["scores"]
    assert (engine.name, engine.precision) == ("keras", "float32")
    assert engine.version == keras.__version__
    assert run.evaluate()["engine"] == f"keras {keras.__version__}, float32"
    assert f"keras {keras.__version__}, float32" in (run.path / "report.html").read_text()


def test_predict_repeats_the_stored_probabilities_in_the_order_given(
    run: Run,
) -> None:
    stored = run.predictions.iloc[[7, 3, 20]]
    predicted = run.predict(list(stored["path"]))
    assert list(predicted["path"]) == list(stored["path"])
    np.testing.assert_allclose(predicted["bright"], stored["bright"], atol=1e-5)


def test_an_unreadable_file_keeps_its_row_and_says_why(
    run: Run, tmp_path: Path, bright_images: Path
) -> None:
    (tmp_path / "torn.png").write_bytes((bright_images / "00.png").read_bytes()[:200])
    predicted = run.predict([bright_images / "01.png", tmp_path / "torn.png", tmp_path / "no.png"])
    assert len(predicted) == 3
    assert predicted["error"].notna().tolist() == [False, True, True]
    assert predicted["bright"].isna().tolist() == [False, True, True]


def test_predict_takes_a_folder_and_a_table(run: Run, bright_images: Path) -> None:
    assert len(run.predict(bright_images)) == 60
    by_table = run.predict(bright_images / "table.csv")
    assert list(by_table["path"])[:2] == ["00.png", "01.png"]


def test_the_model_is_an_ordinary_keras_model(run: Run) -> None:
    model = keras.models.load_model(run.path / "model.keras")
    pictures = np.zeros((2, 32, 32, 3), "float32")
    np.testing.assert_array_equal(model(pictures), kerastl.load_model(run.path)(pictures))


def test_a_run_is_the_backbone_of_the_next(run: Run, bright_images: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path, bright_images / "table.csv")
    following = kerastl.train(
        config,
        output=tmp_path / "next",
        overrides=[f"backbone.name=run:{run.path}", "backbone.weights=trained"],
    )
    np.testing.assert_allclose(
        following.predictions["bright"], run.predictions["bright"], atol=1e-4
    )
    spec = kerastl.find_backbone(f"run:{run.path}")
    assert "was frozen in that run" in str(spec.warning)


def test_an_existing_run_is_never_overwritten(
    run: Run, bright_images: Path, tmp_path: Path
) -> None:
    before = (run.path / "metrics.json").read_bytes()
    config = write_config(tmp_path, bright_images / "table.csv")
    with pytest.raises(RunError, match="already exists"):
        kerastl.train(config, output=run.path)
    assert (run.path / "metrics.json").read_bytes() == before


@pytest.mark.parametrize(
    "settings",
    [
        {"trainable": {"stages": 1}, "augment": None, "fit": {"epochs": 2}},
        {
            "heads": {"both": {"tasks": ["bright", "red"], "hidden": [8], "dropout": 0.1}},
            "fit": {"solver": "keras", "epochs": 3},
        },
        {"augment": {"flip": True, "rotate": 0.05}, "fit": {"epochs": 2}},
    ],
    ids=["stages", "hidden", "augment"],
)
def test_every_shape_of_training_gives_a_run(
    bright_images: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    config = write_config(tmp_path, bright_images / "table.csv", **settings)
    run = kerastl.train(config, output=tmp_path / "run")
    assert len(run.predict(bright_images / "01.png")) == 1
    assert len(pd.read_csv(run.path / "history.csv")) == settings["fit"]["epochs"]


def test_single_and_multi_heads_give_the_same_probabilities(
    run: Run, bright_images: Path, tmp_path: Path
) -> None:
    config = write_config(tmp_path, bright_images / "table.csv", heads="multi")
    multi = kerastl.train(config, output=tmp_path / "run")
    np.testing.assert_allclose(multi.predictions["red"], run.predictions["red"], atol=1e-4)
    assert len(multi.predict(bright_images / "01.png")) == 1


def test_a_rarely_labeled_task_in_a_shared_layer_has_more_weight_in_training_and_validation(
    bright_images: Path, tmp_path: Path
) -> None:
    table = pd.read_csv(bright_images / "table.csv", dtype=str)
    table["path"] = [str(bright_images / name) for name in table["path"]]
    table["split"] = np.repeat(["train", "validation", "test"], [40, 10, 10])
    table.loc[table.index.isin(range(5, 40)), "red"] = None  # known in rows 1, 2 and 4 only
    table.to_csv(tmp_path / "table.csv", index=False)
    heads = {"both": {"tasks": ["bright", "red"], "hidden": [8]}}
    config = write_config(tmp_path, tmp_path / "table.csv", heads=heads, fit={"epochs": 2})
    listening = Listening()
    run = kerastl.train(
        config,
        output=tmp_path / "run",
        overrides=["data.split={column: split}", "data.group=null"],
        progress=listening,
    )
    assert any(text.startswith("red: 3 known training labels") for text in listening.warnings)
    assert any("\nweight of tasks in the loss: red 13.3, " in text for text in listening.notes)
    assert "<b>red:</b> 3 known training labels" in (run.path / "report.html").read_text()
    rows = run.predictions[run.predictions["split"] == "validation"]
    total = 0.0
    for task, weight in (("bright", 1), ("red", 40 / 3)):
        signs = np.where(rows[f"{task}_label"] == 1, -1, 1)
        losses = np.logaddexp(0, signs * rows[f"{task}_logit"])
        total += weight * losses[rows[f"{task}_label"].notna()].sum() / len(rows)
    history = pd.read_csv(run.path / "history.csv")
    assert history[history["kept"]]["val_loss"].tolist() == [pytest.approx(total, rel=1e-3)]


def test_metrics_are_json_that_any_program_reads(run: Run) -> None:
    text = (run.path / "metrics.json").read_text()
    assert "NaN" not in text
    assert set(json.loads(text)) >= {"test", "validation", "train"}


def test_an_error_before_training_leaves_nothing_behind(
    bright_images: Path, tmp_path: Path
) -> None:
    table = bright_images / "torn.csv"
    frame = pd.read_csv(bright_images / "table.csv")
    frame.loc[3, "path"] = "missing.png"
    frame.to_csv(table, index=False)
    with pytest.raises(KerastlError):
        kerastl.train(write_config(tmp_path, table), output=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_auto_keeps_the_backbone_frozen_where_few_labels_are_known(
    bright_images: Path, tmp_path: Path
) -> None:
    config = write_config(tmp_path, bright_images / "table.csv", trainable="auto")
    run = kerastl.train(config, output=tmp_path / "run")
    assert run.bundle.evidence.features.auto.trained is False
    assert "known validation labels" in run.bundle.evidence.features.auto.reason
    assert run.bundle.backbone.trained is False


def test_auto_tries_fine_tuning_where_enough_labels_are_known_and_ships_what_it_says(
    bright_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kerastl.training.auto.FEW_LABELS", 2)
    config = write_config(
        tmp_path, bright_images / "table.csv", trainable="auto", fit={"epochs": 1}
    )
    run = kerastl.train(config, output=tmp_path / "run")
    auto = to_values(run.bundle.evidence.features.auto)
    assert auto["gain"]["known"] > 0
    assert auto["labels"]["positives"]["bright"] > 0
    assert auto["rate"] == 1e-3  # that of heads, because the weights are random
    assert auto["seconds"]["fine_tuning"] > 0
    assert auto["trained"] is (auto["gain"]["low"] > 0)
    assert run.bundle.backbone.trained is auto["trained"]
    rows = run.predictions[run.predictions["split"] == "test"]
    again = run.predict(list(rows["path"]))
    np.testing.assert_allclose(again["bright"], rows["bright"], atol=1e-4)
