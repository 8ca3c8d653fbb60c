"""Paired differences between models."""

import numpy as np
import pytest

from kerastl.evaluation.differences import (
    PairedDifference,
    ReplicatedScore,
    paired_difference,
    replicated_auc,
)
from kerastl.evaluation.intervals import Bootstrap, Draws
from kerastl.evaluation.scores import score_split


def compared(
    labels: np.ndarray,
    first: list[np.ndarray],
    second: list[np.ndarray],
    *,
    replicates: int,
    num_groups: int,
) -> PairedDifference:
    groups = np.arange(len(labels)) % num_groups
    draws = Draws(Bootstrap(groups=groups, replicates=replicates))
    tasks = range(labels.shape[1])
    one, other = (
        [[replicated_auc(labels[:, i], scores[:, i], draws) for i in tasks] for scores in trainings]
        for trainings in (first, second)
    )
    return paired_difference(one, other)


def test_the_difference_is_that_of_the_macro_scores(gapped) -> None:
    labels, first = gapped(200, 3)
    _, second = gapped(200, 3, seed=1)
    tasks = ("a", "b", "c")
    aucs = [
        score_split(labels, scores, tasks, dict.fromkeys(tasks, 0.5)).macro.auc
        for scores in (first, second)
    ]
    settings = {"replicates": 200, "num_groups": 200}
    found = compared(labels, [first], [second], **settings)
    assert found.value == pytest.approx(aucs[0] - aucs[1])
    assert found.interval[0] < found.value < found.interval[1]


def test_a_model_does_not_differ_from_itself(gapped) -> None:
    labels, scores = gapped(200, 2)
    settings = {"replicates": 100, "num_groups": 200}
    found = compared(labels, [scores], [2 * scores - 7], **settings)
    assert found.value == 0
    np.testing.assert_allclose(found.interval, 0, atol=1e-7)


def test_trainings_that_differ_among_themselves_widen_the_interval(gapped) -> None:
    labels, scores = gapped(400, 1)
    noise = np.random.default_rng(0).normal(size=(4, *scores.shape))
    settings = {"replicates": 300, "num_groups": 400}
    alike = compared(labels, [scores] * 4, [scores + noise[0]] * 4, **settings)
    varied = compared(
        labels,
        [scores] * 4,
        [scores + size * noise[0] for size in (0, 0.5, 1, 4)],
        **settings,
    )
    assert np.ptp(varied.interval) > np.ptp(alike.interval)
    assert len(varied.by_training) == 4


def test_fewer_than_20_groups_give_no_interval(gapped) -> None:
    labels, scores = gapped(100, 1)
    settings = {"replicates": 50, "num_groups": 10}
    assert compared(labels, [scores], [scores], **settings).interval is None


def test_groups_are_those_with_known_labels(gapped) -> None:
    labels, scores = gapped(100, 1)
    labels[19:] = np.nan
    settings = {"replicates": 50, "num_groups": 100}
    assert compared(labels, [scores], [scores], **settings).interval is None


def of_groups(values: np.ndarray, counts: np.ndarray) -> ReplicatedScore:
    """The mean of a value of each group, and its replicates."""
    num = len(values)
    replicates = counts @ values / num
    return ReplicatedScore(
        value=float(values.mean()), replicates=replicates, groups=num, rarer_groups=num
    )


@pytest.mark.parametrize(
    ("between_trainings", "of_groups_alone", "of_both"),
    [(0.0, 0.0, 1.0), (0.2, 1.0, 1.0), (0.2, 0.0, 1.0), (0.2, 1.0, 0.0)],
)
def test_one_in_twenty_intervals_of_three_trainings_excludes_the_truth(
    between_trainings: float, of_groups_alone: float, of_both: float
) -> None:
    random = np.random.default_rng(0)
    missed = []
    for _ in range(500):
        values = (
            between_trainings * random.normal(size=(3, 1))
            + of_groups_alone * random.normal(size=50)
            + of_both * random.normal(size=(3, 50))
        )
        counts = random.multinomial(50, np.full(50, 1 / 50), size=200)
        first = [[of_groups(one, counts)] for one in values]
        second = [[of_groups(np.zeros(50), counts)]] * 3
        low, high = paired_difference(first, second).interval
        missed.append(not low < 0 < high)
    assert 0.02 < np.mean(missed) < 0.075


def test_the_interval_of_one_training_is_that_of_the_groups() -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=50)
    counts = random.multinomial(50, np.full(50, 1 / 50), size=20_000)
    first, second = [[of_groups(values, counts)]], [[of_groups(np.zeros(50), counts)]]
    low, high = paired_difference(first, second).interval
    t_quantile = 2.0096  # of 49 degrees of freedom
    assert (high - low) / 2 == pytest.approx(t_quantile * values.std() / 50**0.5, rel=0.02)
