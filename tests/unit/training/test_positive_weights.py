"""Positive weights from the known training labels."""

import numpy as np
import pytest

from kerastl.training.task_weights import positive_weights

NAN = np.nan
LABELS = np.array([[1, 0], [0, 0], [0, NAN], [0, NAN], [NAN, NAN]])
TASKS = ("rare", "never")


def test_auto_balances_each_task_by_its_known_labels() -> None:
    assert positive_weights("auto", LABELS, TASKS)["rare"] == 3


def test_auto_leaves_a_task_without_positives_alone() -> None:
    assert positive_weights("auto", LABELS, TASKS)["never"] == 1


def test_auto_makes_both_classes_weigh_the_same() -> None:
    labels = np.repeat([1.0, 0.0, NAN], [13, 87, 40])[:, None]
    (weight,) = positive_weights("auto", labels, ("one",)).values()
    assert weight * 13 == pytest.approx(87)


def test_auto_weighs_soft_labels_by_what_they_are() -> None:
    assert positive_weights("auto", np.array([[0.5], [0.0]]), ("one",)) == {"one": 3.0}


def test_auto_stops_at_a_hundred() -> None:
    labels = np.repeat([1.0, 0.0], [1, 5000])[:, None]
    assert positive_weights("auto", labels, ("one",)) == {"one": 100}


@pytest.mark.parametrize(
    ("setting", "expected"), [(None, (1, 1)), (2.5, (2.5, 2.5)), ({"rare": 4}, (4, 1))]
)
def test_what_is_given_is_taken(setting: object, expected: tuple[float, float]) -> None:
    assert tuple(positive_weights(setting, LABELS, TASKS).values()) == expected
