"""Cells to labels."""

import numpy as np
import pytest

from kerastl.config import LabelPolicy, Soft
from kerastl.data.tables.labels import canonical_cell, decode_labels, refuse_invalid_cells
from kerastl.errors import LabelError

CHEXPERT = {"positive": ("1",), "negative": ("0",), "uncertain": ("-1",)}


def test_a_blank_is_unknown_however_it_is_written() -> None:
    decoded = decode_labels(["", " ", "NaN", "na", "None", None, float("nan")], LabelPolicy())
    assert np.isnan(decoded.labels).all()
    assert decoded.invalid_cells == ()


@pytest.mark.parametrize("cell", ["1", "1.0", " 1 ", "01.0", 1, 1.0, True, "true", np.bool_(True)])
def test_a_yes_is_the_same_however_it_is_written(cell: object) -> None:
    assert decode_labels([cell], LabelPolicy()).labels[0] == 1


def test_mapped_cells_are_read_as_the_policy_says() -> None:
    policy = LabelPolicy(positive=("Y", "2"), negative=("N",))
    assert decode_labels(["Y", "2.0", "N"], policy).labels.tolist() == [1, 1, 0]


def test_a_cell_that_the_policy_does_not_name_is_out_of_range() -> None:
    decoded = decode_labels(["1", "maybe", "0", "3"], LabelPolicy())
    assert decoded.invalid_cells == ((1, "maybe"), (3, "3"))
    assert np.isnan(decoded.labels[[1, 3]]).all()


@pytest.mark.parametrize(
    ("when", "expected"),
    [("ignore", np.nan), ("positive", 1.0), ("negative", 0.0), (Soft(soft=0.7), 0.7)],
)
def test_uncertain_is_unknown_for_scores_and_as_the_policy_says_in_training(
    when: object, expected: float
) -> None:
    decoded = decode_labels(["-1.0"], LabelPolicy(**CHEXPERT, when_uncertain=when))
    assert np.isnan(decoded.labels[0])
    assert decoded.uncertain[0]
    np.testing.assert_allclose(decoded.training_labels[0], expected, rtol=1e-6)


def test_a_policy_may_give_a_meaning_to_a_blank() -> None:
    policy = LabelPolicy(positive=("1",), negative=("0", ""))
    assert decode_labels(["", "1"], policy).labels.tolist() == [0, 1]


def test_numbers_are_compared_in_their_shortest_form() -> None:
    assert [canonical_cell(cell) for cell in ("1.50", 1.5, "1e0", "-1.0")] == [
        "1.5",
        "1.5",
        "1",
        "-1",
    ]


def test_cells_out_of_range_are_refused_with_their_rows() -> None:
    with pytest.raises(LabelError, match="'maybe' in row 2"):
        refuse_invalid_cells(
            "car", decode_labels(["1", "maybe"], LabelPolicy()).invalid_cells, source="a.csv"
        )
