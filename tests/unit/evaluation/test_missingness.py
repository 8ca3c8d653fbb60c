"""The report on unknown labels."""

import numpy as np
import pytest

from kerastl.evaluation.adjusted_counting import estimate_shares
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
    settings = {"bootstrap": Bootstrap(groups=rows.astype(str), replicates=200)} | more
    return examine_missingness(
        labels,
        np.full(len(labels), "train"),
        TASKS,
        held_out=HeldOutPredictions(rows=rows, logits=logits, labels=labels, source="out-of-fold"),
        **settings,
    )


def without(labels: np.ndarray, share: np.ndarray, seed: int = 1) -> np.ndarray:
    return np.where(np.random.default_rng(seed).random(labels.shape) < share, np.nan, labels)


def without_by_answer(labels: np.ndarray, *, positives: float, negatives: float) -> np.ndarray:
    """Labels without some cars; of the other task, half are unknown."""
    car = np.where(labels[:, 0] == 1, positives, negatives)
    return without(labels, np.stack([car, np.full(len(labels), 0.5)], axis=1))


def test_labels_missing_at_random_give_no_warning() -> None:
    labels, logits = world()
    for seed in range(5):
        assert examine(without(labels, np.full((1, 2), 0.6), seed), logits).warnings == ()


def test_positives_that_are_known_twice_as_often_warn_with_the_estimated_share() -> None:
    labels, logits = world()
    found = examine(without_by_answer(labels, positives=0.2, negatives=0.6), logits)
    one, (warning,) = found.positives["car"], found.warnings
    assert one.differs
    assert one.among_known > 0.5
    assert one.among_all == pytest.approx(labels[:, 0].mean(), abs=0.04)
    low, high = one.among_all_interval
    assert low < labels[:, 0].mean() < high < one.among_known
    assert warning == (
        "car: labels are not missing at random: "
        f"{one.among_known:.0%} of the known labels are positive, but an estimated "
        f"{one.among_all:.0%} ({low:.0%} to {high:.0%}, 99 % interval) of all images. "
        "Probabilities are probably too high."
    ).replace("%", " %").replace("99  %", "99 %")


def test_negatives_that_are_known_more_often_warn_of_low_probabilities() -> None:
    labels, logits = world()
    found = examine(without_by_answer(labels, positives=0.8, negatives=0.4), logits)
    (warning,) = found.warnings
    assert warning.endswith("Probabilities are probably too low.")
    assert found.positives["car"].among_all > found.positives["car"].among_known


def test_an_unrelated_cause_of_missing_labels_gives_no_warning() -> None:
    labels, logits = world()
    hidden = np.random.default_rng(3).random(len(labels)) < 0.5
    share = np.where(hidden, 0.8, 0.2)[:, None]
    assert examine(without(labels, share), logits).warnings == ()


def test_labels_missing_together_by_chance_give_no_warning() -> None:
    labels, logits = world()
    gone = np.random.default_rng(2).random(len(labels)) < 0.5
    found = examine(np.where(gone[:, None], np.nan, labels), logits)
    assert found.warnings == ()
    assert found.together.correlation[0][1] == pytest.approx(1.0)
    assert found.together.unknown_in_both[0][1] == gone.sum()


def test_a_share_that_cannot_be_known_has_a_reason_and_a_sentence() -> None:
    labels, logits = world(200)
    labels[:100, 1] = np.nan
    found = examine(labels, np.zeros_like(logits))
    assert found.positives["car"].reason == "every label is known"
    bus = found.positives["bus"]
    assert bus.reason == "the model does not clearly rate positives higher than negatives"
    assert (bus.differs, bus.among_all_interval) == (False, None)
    assert np.isnan(bus.among_all)
    assert found.warnings == (
        "It is unknown whether labels are missing at random for bus (the model does not clearly "
        "rate positives higher than negatives).",
    )


def test_tasks_with_the_same_reason_share_a_sentence() -> None:
    labels, logits = world(200)
    labels[:100] = np.nan
    assert examine(labels, np.zeros_like(logits)).warnings == (
        "It is unknown whether labels are missing at random for car, bus (the model does not "
        "clearly rate positives higher than negatives).",
    )


@pytest.mark.parametrize(
    ("groups", "replicates", "reason"),
    [
        (np.arange(200) % 19, 200, "19 patients, 20 are needed"),
        (
            np.where(np.arange(200) < 30, 0, np.arange(200)),
            200,
            "known positives in 1 of 171 patients, 5 are needed",
        ),
        (np.arange(200), 0, "evaluation.bootstrap: 0"),
    ],
)
def test_the_reason_names_what_is_lacking(groups: np.ndarray, replicates: int, reason: str) -> None:
    labels = (np.arange(200) < 30).astype(float)
    labels[50:150] = np.nan
    bootstrap = Bootstrap(groups=groups.astype(str), unit="patients", replicates=replicates)
    (found,) = estimate_shares(labels[:, None], np.nan_to_num(labels)[:, None], bootstrap)
    assert found.reason == reason


def test_few_unknown_labels_are_not_worth_a_warning() -> None:
    labels, logits = world(100)
    labels[:19, 1] = np.nan
    found = examine(labels, logits)
    assert found.positives["bus"].reason == "fewer than 20 labels are unknown"
    assert found.warnings == ()


def test_the_interval_of_many_groups_is_that_of_all_of_them() -> None:
    labels, logits = world(6000)
    gone = without(labels, np.full((1, 2), 0.5))
    bootstrap = Bootstrap(groups=np.arange(6000).astype(str), replicates=500)
    found = estimate_shares(gone, 1 / (1 + np.exp(-logits)), bootstrap)[0]
    known = (~np.isnan(gone[:, 0])).sum()
    width = found.among_all_interval[1] - found.among_all_interval[0]
    least = 2 * 2.58 * np.sqrt(0.4 * 0.6 / known)  # of the share among the known labels alone
    assert 0.7 * least < width < 1.5 * least


def test_counts_are_given_by_task_split_and_group() -> None:
    labels = np.array([[1, np.nan], [0, np.nan], [np.nan, 1], [0, 1]])
    groups = np.array(["a", "a", "b", "b"])
    held_out = HeldOutPredictions(
        rows=np.arange(4), logits=np.zeros((4, 2)), labels=labels, source="validation"
    )
    found = examine_missingness(
        labels,
        np.array(["train", "train", "test", "test"]),
        TASKS,
        bootstrap=Bootstrap(groups=groups),
        held_out=held_out,
        groups=groups,
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
