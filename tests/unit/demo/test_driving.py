"""The driving demo's table: gaps, groups, both answers, and not trivial."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kerastl.demo.driving import DemoData, draw_driving
from kerastl.demo.scenes import TASKS


def _digest(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def test_two_drawings_of_one_seed_are_identical_to_the_byte(tmp_path: Path) -> None:
    for name in ("first", "second"):
        draw_driving(tmp_path / name, seed=1, num_scenes=3, frames_per_scene=2)
    assert _digest(tmp_path / "first") == _digest(tmp_path / "second")


def test_the_table_names_every_image_and_its_scene(drawn: DemoData) -> None:
    table = pd.read_csv(drawn.table)
    assert list(table.columns) == ["path", "scene", *TASKS]
    assert len(table) == drawn.num_examples == 120
    assert all((drawn.table.parent / path).is_file() for path in table["path"])
    assert table.groupby("scene").size().eq(2).all()


@pytest.mark.parametrize("task", TASKS)
def test_every_question_has_both_answers_in_good_number(drawn: DemoData, task: str) -> None:
    share = pd.read_csv(drawn.truth)[task].mean()
    assert 0.15 < share < 0.75


def test_half_of_the_labels_are_blank(drawn: DemoData) -> None:
    blank = pd.read_csv(drawn.table)[list(TASKS)].isna()
    assert 0.42 < blank.to_numpy().mean() < 0.58
    assert blank.mean().between(0.35, 0.65).all()


def test_labels_that_are_not_blank_are_true(drawn: DemoData) -> None:
    table, truth = (pd.read_csv(path)[list(TASKS)] for path in (drawn.table, drawn.truth))
    known = table.notna().to_numpy()
    assert (table.to_numpy()[known] == truth.to_numpy()[known]).all()


def test_blank_labels_fall_into_rows_by_chance(drawn: DemoData) -> None:
    counts = pd.read_csv(drawn.table)[list(TASKS)].isna().sum(axis=1)
    assert set(counts) == {0, 1, 2, 3, 4}


def test_mean_colors_alone_answer_poorly(drawn: DemoData) -> None:
    truth = pd.read_csv(drawn.truth)
    colors = np.stack(
        [
            np.asarray(Image.open(drawn.truth.parent / path).resize((4, 3)), float).ravel()
            for path in truth["path"]
        ]
    )
    scores = []
    for task in TASKS:
        known = truth[task].notna().to_numpy()
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
        predicted = cross_val_predict(
            model,
            colors[known],
            truth[task][known].astype(int),
            groups=truth["scene"][known],
            cv=GroupKFold(5),
            method="decision_function",
        )
        scores.append(roc_auc_score(truth[task][known].astype(int), predicted))
    assert np.mean(scores) < 0.75
