"""Intervals made for the kind of score."""

import math

import numpy as np
import pytest
import scipy.stats

from kerastl.evaluation.score_intervals import (
    Variation,
    auc_interval,
    average_interval,
    carriers,
    mean_interval,
    share_interval,
)

NONE = Variation(replicates=np.zeros(0), carriers=1e9)


def varying(variance: float, carriers: float = 1e9) -> Variation:
    spread = math.sqrt(variance)
    return Variation(replicates=np.array([0.5 - spread, 0.5 + spread]), carriers=carriers)


@pytest.mark.parametrize("hits", [0, 1, 7, 19, 20])
def test_without_more_variation_than_chance_a_share_has_the_exact_interval(hits: int) -> None:
    exact = scipy.stats.binomtest(hits, 20).proportion_ci(0.95)
    assert share_interval(hits / 20, 20, NONE) == pytest.approx((exact.low, exact.high))


def test_four_times_the_variance_leaves_a_quarter_of_the_examples() -> None:
    chance = (50.5 / 101) ** 2 / 100
    quarter = scipy.stats.binomtest(50, 100).proportion_ci(0.95)
    found = share_interval(0.5, 400, varying(chance))
    assert found == pytest.approx((quarter.low, quarter.high), abs=2e-3)


def test_the_ends_of_an_auc_interval_solve_newcombes_equation() -> None:
    auc, positives, negatives = 0.9, 12, 60
    for end in auc_interval(auc, positives, negatives, NONE):
        half = (positives + negatives) / 2 - 1
        shape = 1 + half * (1 - end) / (2 - end) + half * end / (1 + end)
        variance = end * (1 - end) * shape / (positives * negatives)
        assert abs(end - auc) / math.sqrt(variance) == pytest.approx(1.96, abs=1e-3)


@pytest.mark.parametrize("auc", [0.0, 1.0])
def test_a_perfect_auc_has_one_open_end(auc: float) -> None:
    low, high = auc_interval(auc, 5, 100, NONE)
    assert (low, high)[round(auc)] == auc
    assert high - low > 0.15


def test_few_carriers_widen_every_interval_that_varies() -> None:
    for few, many in (
        (share_interval(0.5, 100, varying(0.01, c)) for c in (6, 600)),
        (auc_interval(0.8, 50, 50, varying(0.01, c)) for c in (6, 600)),
        (mean_interval(0.5, varying(0.01, c)) for c in (6, 600)),
    ):
        assert few[0] < many[0] < many[1] < few[1]


def test_carriers_are_all_groups_if_equal_and_one_if_one_has_everything() -> None:
    groups = np.array(["a", "a", "b", "c"])
    assert carriers(groups, np.array([0.5, 0.5, 1, 1])) == pytest.approx(3)
    assert carriers(groups, np.array([0, 0, 4, 0])) == pytest.approx(1)
    assert carriers(groups, np.zeros(4)) == 0


def test_a_mean_over_tasks_is_as_uncertain_as_tasks_that_err_independently() -> None:
    parts = [(0.8, (0.5, 0.9)), (0.6, (0.2, 0.7))]
    low, high = average_interval(0.7, np.full(9, 0.7), parts, highest=1.0)
    assert low == pytest.approx(0.7 - math.hypot(0.3, 0.4) / 2)
    assert high == pytest.approx(0.7 + math.hypot(0.1, 0.1) / 2)
