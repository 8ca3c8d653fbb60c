"""The report on unknown labels."""

import numpy as np
import pytest

from kerastl.evaluation.held_out import HeldOutPredictions
from kerastl.evaluation.intervals import Bootstrap
from kerastl.evaluation.missingness import (
    GroupCounts,
    KnownGroups,
    LabelCounts,
    MissingnessReport,
    examine_missingness,
)

TASKS = ("car", "bus")


def world(num_rows: int = 800, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Full labels that go together, and logits of a model that knows something of them."""
    random = np.random.default_rng(seed)
    car = random.random(num_rows) < 0.4
    bus = random.random(num_rows) < np.where(car, 0.7, 0.2)
    labels = np.stack([car, bus], axis=1).astype(float)
    return labels, 2 * labels - 1 + random.normal(size=labels.shape)


def examine(labels: np.ndarray, logits: np.ndarray, **more: object) -> MissingnessReport:
    rows = np.arange(len(labels))
    names = np.array([f"row {row}" for row in rows])
    return examine_missingness(
        labels,
        np.full(len(labels), "train"),
        TASKS,
        bootstrap=Bootstrap(groups=names, replicates=200),
        held_out=HeldOutPredictions(rows=rows, logits=logits, labels=labels, source="out-of-fold"),
        **more,
    )


def without(labels: np.ndarray, share: np.ndarray, seed: int = 1) -> np.ndarray:
    return np.where(np.random.default_rng(seed).random(labels.shape) < share, np.nan, labels)


def test_labels_missing_by_chance_give_no_warning() -> None:
    labels, logits = world()
    for seed in range(5):
        assert examine(without(labels, np.full((1, 2), 0.6), seed), logits).warnings == ()


def test_positives_that_are_known_more_often_warn_of_overstatement() -> None:
    labels, logits = world()
    share = np.stack([np.where(labels[:, 0] == 1, 0.2, 0.8), np.full(len(labels), 0.5)], axis=1)
    found = examine(without(labels, share), logits)
    (warning,) = found.warnings
    assert warning.startswith("car: labels are not missing by chance")
    assert "from the images (AUC 0." in warning
    assert "The prevalence" not in warning
    assert warning.endswith(
        "the prevalence of 'car', and with it its probabilities, are probably overstated."
    )
    one = found.predictability["car"]
    assert one.input.auc_interval[0] > 0.55
    assert one.mean_probability_known > one.mean_probability_unknown


def test_negatives_that_are_known_more_often_warn_of_understatement() -> None:
    labels, logits = world()
    share = np.stack([np.where(labels[:, 0] == 1, 0.8, 0.2), np.full(len(labels), 0.5)], axis=1)
    (warning,) = examine(without(labels, share), logits).warnings
    assert "are probably understated" in warning


def test_labels_missing_by_the_value_of_another_label_are_detected_without_inputs() -> None:
    labels, logits = world()
    share = np.stack([np.where(labels[:, 1] == 1, 0.2, 0.8), np.zeros(len(labels))], axis=1)
    found = examine(without(labels, share), np.zeros_like(logits))
    one = found.predictability["car"]
    assert one.other_labels.auc > 0.7
    assert "from the other labels" in found.warnings[0]
    assert "alike" in found.warnings[0]


def test_labels_missing_together_by_chance_give_no_warning() -> None:
    labels, logits = world()
    gone = np.random.default_rng(2).random(len(labels)) < 0.5
    found = examine(np.where(gone[:, None], np.nan, labels), logits)
    assert found.warnings == ()
    assert found.together.correlation[0][1] == pytest.approx(1.0)
    assert found.together.unknown_in_both[0][1] == gone.sum()


def test_tasks_that_cannot_be_examined_have_a_reason() -> None:
    labels, logits = world(100)
    labels[:19, 1] = np.nan
    found = examine(labels, logits).predictability
    assert found["car"].input.reason == "every label is known"
    assert found["bus"].input.reason == "19 unknown labels, 20 are needed"
    assert np.isnan(found["bus"].input.auc)


def test_counts_are_given_by_task_split_and_group() -> None:
    labels = np.array([[1, np.nan], [0, np.nan], [np.nan, 1], [0, 1]])
    found = examine_missingness(
        labels,
        np.array(["train", "train", "test", "test"]),
        TASKS,
        bootstrap=Bootstrap(groups=np.array(["a", "a", "b", "b"])),
        groups=np.array(["a", "a", "b", "b"]),
    )
    assert found.tasks["car"]["train"] == LabelCounts(
        examples=2, known=2, unknown=0, positives=1, share_unknown=0.0
    )
    assert found.tasks["car"]["test"].unknown == 1
    assert np.isnan(found.tasks["car"]["validation"].share_unknown)
    assert found.groups == GroupCounts(
        count=2,
        tasks={
            "car": KnownGroups(all_known=1, some_known=1, none_known=0),
            "bus": KnownGroups(all_known=1, some_known=0, none_known=1),
        },
    )
    assert found.predictability == {}


def test_features_show_what_the_logits_do_not() -> None:
    labels, logits = world()
    hidden = np.random.default_rng(3).normal(size=(len(labels), 40))
    share = np.stack([np.where(hidden[:, 0] > 0, 0.8, 0.2), np.full(len(labels), 0.5)], axis=1)
    rows = np.arange(len(labels))
    found = examine_missingness(
        without(labels, share),
        np.full(len(labels), "train"),
        TASKS,
        bootstrap=Bootstrap(groups=rows.astype(str), replicates=200),
        held_out=HeldOutPredictions(rows=rows, logits=logits, labels=labels, source="out-of-fold"),
        features=hidden,
    )
    assert found.predictability["car"].input.auc > 0.65
    assert len(found.warnings) == 1
