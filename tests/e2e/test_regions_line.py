"""The whole line on regions: tiles and frames cut out of images, trained, scored, exported."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

import kerastl
from kerastl.cli import main
from kerastl.export.exporting import Check, export_run
from kerastl.export.formats import find_form
from kerastl.progress import SILENT
from kerastl.runs import Run

NUM_IMAGES = 16
SIDE = 48  # of a tile; an image has four
REGION = ["x", "y", "width", "height"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images whose tiles are bright or dark, and a table that says which are."""
    folder = tmp_path_factory.mktemp("tiles")
    random = np.random.default_rng(0)
    rows = []
    for number in range(NUM_IMAGES):
        pixels = random.integers(0, 60, (2 * SIDE, 2 * SIDE, 3))
        for tile in range(4):
            y, x = (SIDE * step for step in divmod(tile, 2))
            is_bright = (number + tile) % 2
            pixels[y : y + SIDE, x : x + SIDE] += 150 * is_bright
            rows.append([f"{number}.png", x, y, SIDE, SIDE, is_bright])
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    pd.DataFrame(rows, columns=["path", *REGION, "bright"]).to_csv(
        folder / "tiles.csv", index=False
    )
    return folder


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    data = {"table": "tiles.csv", "image": "path", "tasks": ["bright"]}
    config = {
        "data": data,
        "backbone": {"name": "tiny:image", "weights": None, "input_size": 32},
        "evaluation": {"bootstrap": 0},
    }
    (folder / "tiles.yaml").write_text(yaml.safe_dump(config))
    return kerastl.train(folder / "tiles.yaml", output=tmp_path_factory.mktemp("runs") / "run")


def test_what_is_in_a_tile_is_learned_from_the_tile_alone(run: Run) -> None:
    assert run.metrics["test"]["tasks"]["bright"]["auc"] > 0.95


def test_the_tiles_of_an_image_are_in_one_split_and_predictions_name_them(run: Run) -> None:
    splits = run.predictions.groupby("path")["split"].nunique()
    assert (splits == 1).all()
    assert set(REGION) <= set(run.predictions.columns)
    assert "frame" not in run.predictions.columns


def test_evaluate_repeats_the_figures_of_the_run(run: Run) -> None:
    stored = run.metrics["test"]["tasks"]["bright"]
    assert run.evaluate()["tasks"]["bright"]["auc"] == pytest.approx(stored["auc"], abs=1e-6)


def test_predict_cuts_the_images_of_a_table_as_training_did(run: Run, folder: Path) -> None:
    table = pd.read_csv(folder / "tiles.csv").head(8)
    for divisor in (1, 2 * SIDE):  # pixels and fractions
        table.assign(**(table[REGION] / divisor)).to_csv(folder / "other.csv", index=False)
        found = run.predict(folder / "other.csv")
        np.testing.assert_allclose(
            found["bright"], run.predictions["bright"].head(8), rtol=0, atol=1e-6
        )
        np.testing.assert_allclose(found[REGION], table[REGION] / divisor)
        assert found["error"].isna().all()


def test_a_region_outside_of_its_image_is_named_by_predict(run: Run, folder: Path) -> None:
    table = pd.read_csv(folder / "tiles.csv").head(2)
    table.loc[1, "x"] = 90
    table.to_csv(folder / "wrong.csv", index=False)
    errors = run.predict(folder / "wrong.csv")["error"]
    assert errors.isna().tolist() == [True, False]
    assert errors[1] == "The region is outside of the image."


def test_the_report_shows_a_tile_in_its_image(run: Run) -> None:
    report = (run.path / "report.html").read_text()
    assert "48 x 48 at (48, 0)" in report
    assert "groups (files)" in report


def test_the_card_knows_that_the_tiles_of_an_image_are_a_group(run: Run) -> None:
    card = (run.path / "MODEL_CARD.md").read_text()
    assert "| groups (files) |" in card
    assert "know no groups" not in card


def test_the_check_names_the_row_of_a_bad_region(folder: Path, capsys) -> None:
    table = pd.read_csv(folder / "tiles.csv").astype(object)
    table.loc[2, "x"] = 90
    table.loc[5, "width"] = "wide"
    table.to_csv(folder / "bad.csv", index=False)
    with pytest.raises(SystemExit):
        main(["data", "check", str(folder / "bad.csv"), "--json"])
    report = json.loads(capsys.readouterr().out)
    assert "row 6, column width: 'wide' is not a number of 0 or more" in report["problems"]
    assert any("row 3" in line and "outside of the image" in line for line in report["problems"])
    assert report["images"]["num_cut"] == NUM_IMAGES
    assert report["equal_paths"] == []


def test_the_exported_model_answers_as_the_run_does(run: Run, tmp_path: Path) -> None:
    (made,) = export_run(
        run.record,
        lambda: run.model,
        [find_form("keras", "float32")],
        tmp_path,
        Check(most_auc_cost=1.0, num_examples=12),
        progress=SILENT,
    )
    assert made.parity is not None
    assert made.parity.largest_difference < 1e-4
