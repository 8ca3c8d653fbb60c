"""Differences between models, paired."""

import numpy as np
import pytest

from kerastl.evaluation.differences import paired_difference
from kerastl.evaluation.intervals import Bootstrap
from kerastl.evaluation.scores import score_split


def test_the_difference_is_that_of_the_macro_scores(gapped) -> None:
    labels, first = gapped(200, 3)
    _, second = gapped(200, 3, seed=1)
    tasks = ("a", "b", "c")
    aucs = [
        score_split(labels, scores, tasks, dict.fromkeys(tasks, 0.5)).macro.auc
        for scores in (first, second)
    ]
    bootstrap = Bootstrap(groups=np.arange(200).astype(str), replicates=200)
    found = paired_difference(labels, [first], [second], bootstrap=bootstrap)
    assert found["difference"] == pytest.approx(aucs[0] - aucs[1])
    assert found["interval"][0] < found["difference"] < found["interval"][1]


def test_a_model_does_not_differ_from_itself_and_pairing_takes_the_chance_out(gapped) -> None:
    labels, scores = gapped(200, 2)
    bootstrap = Bootstrap(groups=np.arange(200).astype(str), replicates=100)
    found = paired_difference(labels, [scores], [2 * scores - 7], bootstrap=bootstrap)
    assert found["difference"] == 0
    np.testing.assert_allclose(found["interval"], 0, atol=1e-7)


def test_trainings_that_differ_among_themselves_widen_the_interval(gapped) -> None:
    labels, scores = gapped(400, 1)
    noise = np.random.default_rng(0).normal(size=(4, *scores.shape))
    bootstrap = Bootstrap(groups=np.arange(400).astype(str), replicates=300)
    alike = paired_difference(labels, [scores] * 4, [scores + noise[0]] * 4, bootstrap=bootstrap)
    varied = paired_difference(
        labels,
        [scores] * 4,
        [scores + size * noise[0] for size in (0, 0.5, 1, 4)],
        bootstrap=bootstrap,
    )
    assert np.ptp(varied["interval"]) > np.ptp(alike["interval"])
    assert len(varied["differences"]) == 4


def test_fewer_than_20_groups_give_no_interval(gapped) -> None:
    labels, scores = gapped(100, 1)
    bootstrap = Bootstrap(groups=np.arange(100) % 10, replicates=50)
    assert paired_difference(labels, [scores], [scores], bootstrap=bootstrap)["interval"] is None
