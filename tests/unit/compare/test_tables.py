"""The tables of a comparison: the same splits, and the training rows of each variant."""

import numpy as np
import pytest

from kerastl.compare.study import SPLIT_COLUMN, TrainingRows
from kerastl.compare.training_tables import change_training, nested_rows, split_frame
from kerastl.errors import TableError


@pytest.fixture
def frame(make_config, table):
    return split_frame(table, make_config())


def test_files_are_absolute_and_cells_plain(frame, table) -> None:
    assert frame["path"].iloc[3] == str(table.files[3])
    assert set(frame["van"]) == {"1", "0", "uncertain"}
    assert set(frame["bus"]) == {"1", "0", ""}


def test_blanks_become_no_in_training_only(frame, table) -> None:
    changed = change_training(frame, table, TrainingRows(treatment="blanks as no"))
    train = frame[SPLIT_COLUMN] == "train"
    blank = frame["bus"] == ""
    assert (blank & train).any()
    assert (changed["bus"][blank & train] == "0").all()
    assert (changed["bus"][blank & ~train] == "").all()
    assert (changed["van"] == frame["van"]).all()


def test_rows_with_unknown_labels_are_dropped_from_training_only(frame, table) -> None:
    changed = change_training(frame, table, TrainingRows(treatment="drop rows"))
    train = changed[SPLIT_COLUMN] == "train"
    assert not (changed["bus"][train] == "").any()
    assert (changed["bus"][~train] == "").any()
    assert (~train).sum() == (frame[SPLIT_COLUMN] != "train").sum()


def test_dropping_every_row_is_refused(frame, table) -> None:
    gone = table.training_labels.copy()
    gone[:, 0] = np.nan
    from dataclasses import replace

    with pytest.raises(TableError, match="no training row is left"):
        change_training(
            frame, replace(table, training_labels=gone), TrainingRows(treatment="drop rows")
        )


def test_smaller_draws_are_parts_of_larger_ones_with_whole_groups(table) -> None:
    rows = np.arange(81)
    drawn = nested_rows(table, rows, (12, 30, 60), seed=0)
    assert set(drawn[12]) < set(drawn[30]) < set(drawn[60])
    for size, found in drawn.items():
        assert abs(len(found) - size) <= 3
        others = np.setdiff1d(rows, found)
        assert not set(table.groups[found]) & set(table.groups[others])


def test_another_seed_draws_other_examples_and_the_same_seed_the_same(table) -> None:
    rows = np.arange(81)
    first, again, other = (
        nested_rows(table, rows, (30,), seed=seed)[30].tolist() for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_a_subsample_leaves_validation_and_test_alone(frame, table) -> None:
    changed = change_training(frame, table, TrainingRows(examples=30), sizes=(30,), seed=0)
    counts = changed[SPLIT_COLUMN].value_counts()
    assert (counts["validation"], counts["test"]) == (18, 21)
    assert abs(counts["train"] - 30) <= 3
