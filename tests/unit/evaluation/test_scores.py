"""Scores of the known labels and their intervals."""

import math

import numpy as np
import pytest

from kerastl.evaluation.intervals import Bootstrap
from kerastl.evaluation.scores import SCORES, score_split, score_task

NAN = math.nan


def names(count: int) -> np.ndarray:
    return np.array([f"row {number}" for number in range(count)])


def test_a_worked_example() -> None:
    labels = np.array([1, 0, NAN, 1, 0])
    scores = score_task(labels, np.array([0.9, 0.8, 0.99, 0.6, 0.1]), threshold=0.7)
    assert scores.known == 4
    assert scores.positives == 2
    assert scores.auc == 0.75
    assert scores.average_precision == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert scores.accuracy == 0.5
    assert scores.sensitivity == 0.5
    assert scores.specificity == 0.5
    assert scores.f1 == 0.5
    assert scores.brier == pytest.approx((0.01 + 0.64 + 0.16 + 0.01) / 4)
    losses = [math.log(0.9), math.log(0.2), math.log(0.6), math.log(0.9)]
    assert scores.log_loss == pytest.approx(-sum(losses) / 4)


def test_a_probability_at_the_threshold_is_a_yes() -> None:
    scores = score_task(np.array([1.0, 0.0]), np.array([0.5, 0.4]), threshold=0.5)
    assert scores.accuracy == 1


def test_the_calibration_error_weighs_the_gap_of_each_bin_by_its_examples() -> None:
    labels = np.array([1.0, 0.0, 1.0, 1.0])
    scores = score_task(labels, np.array([0.25, 0.25, 0.95, 0.95]), threshold=0.5)
    assert scores.expected_calibration_error == pytest.approx(0.5 * 0.25 + 0.5 * 0.05)


def test_a_calibration_error_of_zero_is_reached_and_the_edges_belong_to_bins() -> None:
    scores = score_task(np.array([0.0, 1.0]), np.array([0.0, 1.0]), threshold=0.5)
    assert scores.expected_calibration_error == 0


@pytest.mark.parametrize(
    ("labels", "undefined"),
    [
        ([NAN, NAN], set(SCORES)),
        ([0.0, 0.0], {"auc", "average_precision", "sensitivity", "f1"}),
        ([1.0, 1.0], {"auc", "specificity"}),
    ],
)
def test_undefined_scores_are_nan_and_not_0(labels: list[float], undefined: set[str]) -> None:
    scores = score_task(np.array(labels), np.array([0.2, 0.7]), threshold=0.5)
    assert {name for name in SCORES if math.isnan(scores.value(name))} == undefined


def test_a_certain_and_wrong_probability_gives_a_finite_log_loss() -> None:
    scores = score_task(np.array([1.0, 0.0]), np.array([0.0, 1.0]), threshold=0.5)
    assert scores.log_loss == pytest.approx(-math.log(np.finfo(float).eps), rel=1e-3)


def test_the_macro_score_is_the_mean_over_the_tasks_that_are_defined(gapped) -> None:
    labels, probabilities = gapped()
    labels[:, 1] = np.where(np.isnan(labels[:, 1]), NAN, 0.0)
    tasks = ("a", "b", "c")
    scores = score_split(labels, probabilities, tasks, dict.fromkeys(tasks, 0.5))
    found = scores.tasks
    assert scores.macro.defined == 2
    assert scores.macro.auc == pytest.approx((found["a"].auc + found["c"].auc) / 2)
    assert scores.macro.brier == pytest.approx(np.mean([found[task].brier for task in tasks]))
    assert scores.macro.known == sum(found[task].known for task in tasks)


def test_an_interval_holds_its_score_and_narrows_with_more_labels(gapped) -> None:
    widths = []
    for num_rows in (100, 2000):
        labels, probabilities = gapped(num_rows, 1)
        bootstrap = Bootstrap(groups=names(num_rows), unit="examples", replicates=200)
        scores = score_split(labels, probabilities, ("a",), {"a": 0.5}, bootstrap=bootstrap)
        for name in ("auc", "average_precision", "log_loss", "accuracy", "f1"):
            for found in (scores.tasks["a"], scores.macro):
                low, high = found.interval(name)
                assert low < found.value(name) < high
        low, high = scores.tasks["a"].auc_interval
        widths.append(high - low)
    assert widths[1] < widths[0] / 3


def test_fewer_than_20_groups_give_no_interval_and_the_reason(gapped) -> None:
    labels, probabilities = gapped(190, 1)
    groups = np.array([f"g{number % 19}" for number in range(190)])
    scores = score_task(
        labels[:, 0], probabilities[:, 0], threshold=0.5, bootstrap=Bootstrap(groups=groups)
    )
    assert scores.auc_interval is None
    assert scores.intervals.reason == "19 groups with known labels, 20 are needed"


def test_groups_without_a_known_label_do_not_count(gapped) -> None:
    labels, probabilities = gapped(60, 1, unknown=0)
    labels[30:] = np.nan
    groups = np.array([f"g{number // 2}" for number in range(60)])
    scores = score_split(
        labels, probabilities, ("a",), {"a": 0.5}, bootstrap=Bootstrap(groups=groups)
    )
    reason = "15 groups with known labels, 20 are needed"
    assert scores.tasks["a"].intervals.reason == reason
    assert scores.macro.intervals.reason == reason


def test_replicates_without_both_classes_are_counted(gapped) -> None:
    labels, probabilities = np.zeros(50), np.linspace(0, 1, 50)
    labels[40] = 1
    scores = score_task(labels, probabilities, threshold=0.5, bootstrap=Bootstrap(groups=names(50)))
    facts = scores.intervals
    assert 300 < facts.undefined_replicates < 440  # (1 - 1/50)^50 of 1000 is 364
    low, high = scores.auc_interval
    assert 0 <= low < high <= 1


def test_scores_that_need_more_positives_have_no_interval_and_the_reason(gapped) -> None:
    _, probabilities = gapped(100, 1)
    labels = (np.arange(100) < 12).astype(float)
    groups = np.array([f"patient {number // 3}" for number in range(100)])
    bootstrap = Bootstrap(groups=groups, unit="patients", replicates=100)
    scores = score_split(labels[:, None], probabilities, ("a",), {"a": 0.5}, bootstrap=bootstrap)
    assert scores.tasks["a"].intervals.reason == (
        "all known positives are from 4 patients, so average precision, log loss and Brier score "
        "have no interval (8 are needed)"
    )
    for found in (scores.tasks["a"], scores.macro):
        without = {name for name in SCORES if found.interval(name) is None}
        assert without == {"average_precision", "log_loss", "brier"}


def test_copies_within_a_group_hardly_narrow_an_interval(gapped) -> None:
    labels, probabilities = gapped(100, 1, unknown=0)
    copies = [np.tile(values, 4) for values in (labels[:, 0], probabilities[:, 0])]

    def width(y: np.ndarray, p: np.ndarray, groups: np.ndarray, name: str) -> float:
        bootstrap = Bootstrap(groups=groups, replicates=300)
        low, high = score_task(y, p, threshold=0.5, bootstrap=bootstrap).interval(name)
        return high - low

    for name in ("auc", "average_precision", "log_loss", "accuracy", "sensitivity", "f1"):
        once = width(labels[:, 0], probabilities[:, 0], names(100), name)
        grouped = width(*copies, np.tile(names(100), 4), name)
        independent = width(*copies, names(400), name)
        assert 0.85 * once < grouped < 1.15 * once, name
        assert independent < 0.65 * once, name


@pytest.mark.parametrize("name", SCORES)
def test_a_perfect_score_still_has_an_interval_of_some_width(name: str) -> None:
    labels = (np.arange(40) < 10).astype(float)
    probabilities = np.where(labels == 1, 0.999, 0.001)
    bootstrap = Bootstrap(groups=names(40), replicates=200)
    low, high = score_task(labels, probabilities, threshold=0.5, bootstrap=bootstrap).interval(name)
    assert low < high


def test_the_interval_of_a_calibration_error_holds_the_error(gapped) -> None:
    for seed in range(10):
        labels, probabilities = gapped(60 + seed, 1)
        bootstrap = Bootstrap(groups=names(60 + seed), replicates=100, seed=seed)
        found = score_task(labels[:, 0], probabilities[:, 0], threshold=0.5, bootstrap=bootstrap)
        low, high = found.expected_calibration_error_interval
        assert low <= found.expected_calibration_error <= high


def test_without_replicates_there_are_no_intervals(gapped) -> None:
    labels, probabilities = gapped(100, 1)
    bootstrap = Bootstrap(groups=names(100), replicates=0)
    scores = score_task(labels[:, 0], probabilities[:, 0], threshold=0.5, bootstrap=bootstrap)
    assert scores.auc_interval is None
    assert scores.intervals.reason == "no intervals were asked for"


@pytest.mark.parametrize("positives", [10, 75])
def test_intervals_cover_the_true_score_at_their_level(positives: int) -> None:
    truth, covered = 0.9889, 0  # of two normal distributions 3.234 standard deviations apart
    labels = (np.arange(150) < positives).astype(float)
    for seed in range(60):
        random = np.random.default_rng(seed)
        probabilities = 1 / (1 + np.exp(1.6 - random.normal(size=150) - 3.234 * labels))
        bootstrap = Bootstrap(groups=names(150), replicates=100, seed=seed)
        found = score_task(labels, probabilities, threshold=0.5, bootstrap=bootstrap)
        assert found.auc_interval is not None
        low, high = found.auc_interval
        covered += low <= truth <= high
    assert covered >= 55  # 95 % of 60 is 57; of percentile intervals 39 cover with 10 positives
