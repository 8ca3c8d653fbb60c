"""Paired differences between models."""

import numpy as np
import pytest

from kerastl.evaluation.differences import PairedDifference, paired_difference, replicated_auc
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
    return paired_difference(one, other, num_groups=num_groups, seed=0)


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
