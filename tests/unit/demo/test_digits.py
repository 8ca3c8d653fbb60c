"""The digits demo: scikit-learn's digits as files with questions."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from kerastl.demo.digits import QUESTIONS, write_digits
from kerastl.demo.driving import DemoData


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> DemoData:
    return write_digits(tmp_path_factory.mktemp("digits"))


def test_every_digit_becomes_a_row_and_an_image(written: DemoData) -> None:
    table = pd.read_csv(written.table)
    assert list(table.columns) == ["path", *QUESTIONS]
    assert len(table) == written.num_examples == 1797
    assert all((written.table.parent / path).is_file() for path in table["path"])


def test_an_image_shows_its_digit(written: DemoData) -> None:
    path = written.table.parent / pd.read_csv(written.table)["path"][10]
    pixels = np.asarray(Image.open(path), float)
    assert np.abs(pixels / 255.0 * 16.0 - load_digits().images[10]).max() < 0.05


def test_the_answers_follow_from_the_digit(written: DemoData) -> None:
    truth = pd.read_csv(written.truth)
    answers = truth[list(QUESTIONS)].groupby(load_digits().target).first()
    assert answers["is_even"].tolist() == [1, 0] * 5
    assert answers["at_least_five"].tolist() == [0] * 5 + [1] * 5
    assert answers["has_loop"].tolist() == [1, 0, 0, 0, 0, 0, 1, 0, 1, 1]
    assert answers["is_prime"].tolist() == [0, 0, 1, 1, 0, 1, 0, 1, 0, 0]
    assert answers["is_multiple_of_three"].tolist() == [1, 0, 0, 1, 0, 0, 1, 0, 0, 1]


def test_two_fifths_of_the_labels_are_blank(written: DemoData) -> None:
    blank = pd.read_csv(written.table)[list(QUESTIONS)].isna().to_numpy().mean()
    assert blank == pytest.approx(0.4, abs=0.02)


def test_the_same_seed_blanks_the_same_labels(written: DemoData, tmp_path: Path) -> None:
    again, other = write_digits(tmp_path / "a"), write_digits(tmp_path / "b", seed=1)
    assert again.table.read_bytes() == written.table.read_bytes()
    assert other.table.read_bytes() != written.table.read_bytes()
