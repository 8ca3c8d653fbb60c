"""Scores: equal to scikit-learn on the known labels, whatever the order of the rows."""

import numpy as np
import pytest
import sklearn.calibration
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from kerastl.config.policies import ThresholdPolicy
from kerastl.evaluation.intervals import Bootstrap
from kerastl.evaluation.score_types import SCORES, SplitScores
from kerastl.evaluation.scores import score_split, score_task
from kerastl.evaluation.task_sample import NUM_BINS
from kerastl.evaluation.thresholds import ChosenThreshold, choose_threshold

SETTINGS = settings(derandomize=True, max_examples=60, deadline=None)


def chosen(labels: np.ndarray, probabilities: np.ndarray, policy: str | float) -> ChosenThreshold:
    return choose_threshold(labels, probabilities, ThresholdPolicy.parse(policy))


@st.composite
def tasks(draw: st.DrawFn, *, both: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Labels of one task with gaps, and probabilities with ties where they are coarse."""
    num_rows = draw(st.integers(2, 80))
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    labels = (random.random(num_rows) < draw(st.floats(0.05, 0.95))).astype(float)
    labels[random.random(num_rows) < draw(st.floats(0, 0.8))] = np.nan
    if both:
        labels[:2] = [0, 1]
    decimals = draw(st.sampled_from([1, 2, 9]))
    return labels, np.round(random.beta(0.7, 0.7, num_rows), decimals)


def calibration_error(y: np.ndarray, p: np.ndarray) -> float:
    """The same from scikit-learn's reliability curve, its bins closed on the right too."""
    share, mean = sklearn.calibration.calibration_curve(y, p, n_bins=NUM_BINS)
    bins = np.searchsorted(np.linspace(0, 1, NUM_BINS + 1)[1:-1], p)
    return float(np.abs(share - mean) @ np.bincount(bins)[np.unique(bins)] / len(p))


@SETTINGS
@given(tasks(), st.floats(0.01, 0.99))
def test_every_score_equals_scikit_learns_on_the_known_labels(
    task: tuple[np.ndarray, np.ndarray], threshold: float
) -> None:
    labels, probabilities = task
    known = ~np.isnan(labels)
    y, p = labels[known], probabilities[known]
    called = p >= threshold
    expected = {
        "auc": reference.roc_auc_score(y, p),
        "average_precision": reference.average_precision_score(y, p),
        "log_loss": reference.log_loss(y, p),
        "brier": reference.brier_score_loss(y, p),
        "expected_calibration_error": calibration_error(y, p),
        "accuracy": reference.accuracy_score(y, called),
        "sensitivity": reference.recall_score(y, called),
        "specificity": reference.recall_score(1 - y, ~called),
        "f1": reference.f1_score(y, called),
    }
    scores = score_task(labels, probabilities, threshold=threshold)
    assert set(expected) == set(SCORES)
    for name, value in expected.items():
        assert scores.value(name) == pytest.approx(value, abs=1e-6), name


@SETTINGS
@given(tasks(both=False), st.integers(0, 99))
def test_scores_and_intervals_do_not_depend_on_the_order_of_the_rows(
    task: tuple[np.ndarray, np.ndarray], seed: int
) -> None:
    labels, probabilities = task
    groups = np.array([f"g{row // 2}" for row in range(len(labels))])
    order = np.random.default_rng(seed).permutation(len(labels))

    def scores(rows: np.ndarray) -> SplitScores:
        return score_split(
            labels[rows, None],
            probabilities[rows, None],
            ("one",),
            {"one": 0.5},
            bootstrap=Bootstrap(groups=groups[rows], replicates=50),
        )

    one, other = scores(np.arange(len(labels))), scores(order)
    for before, after in ((one.macro, other.macro), (one.tasks["one"], other.tasks["one"])):
        for name in SCORES:
            np.testing.assert_allclose(after.value(name), before.value(name), rtol=0, atol=1e-9)
            for low_or_high in zip(
                after.interval(name) or (), before.interval(name) or (), strict=True
            ):
                np.testing.assert_allclose(*low_or_high, rtol=0, atol=1e-6)


@SETTINGS
@given(tasks(both=False), st.integers(1, 40))
def test_examples_without_a_label_change_nothing(
    task: tuple[np.ndarray, np.ndarray], more: int
) -> None:
    labels, probabilities = task
    alone = score_task(labels, probabilities, threshold=0.5)
    extended = score_task(
        np.concatenate([labels, np.full(more, np.nan)]),
        np.concatenate([probabilities, np.full(more, 0.9)]),
        threshold=0.5,
    )
    for name in (*SCORES, "known", "positives"):
        np.testing.assert_equal(getattr(extended, name), getattr(alone, name))


@SETTINGS
@given(tasks(), st.integers(2, 5))
def test_an_example_counted_twice_is_a_weight_of_two(
    task: tuple[np.ndarray, np.ndarray], times: int
) -> None:
    labels, probabilities = task
    once = score_task(labels, probabilities, threshold=0.5)
    often = score_task(np.tile(labels, times), np.tile(probabilities, times), threshold=0.5)
    for name in SCORES:
        np.testing.assert_allclose(often.value(name), once.value(name), atol=1e-12)


@SETTINGS
@given(
    tasks(),
    st.sampled_from(["sensitivity", "specificity", "precision"]),
    st.floats(0.05, 1).map(lambda share: round(share, 3)),
)
def test_a_threshold_reaches_its_goal_or_has_a_note(
    task: tuple[np.ndarray, np.ndarray], goal: str, share: float
) -> None:
    labels, probabilities = task
    choice = chosen(labels, probabilities, f"{goal}>={share}")
    known = ~np.isnan(labels)
    y, called = labels[known], probabilities[known] >= choice.threshold
    reached = {
        "sensitivity": reference.recall_score(y, called),
        "specificity": reference.recall_score(1 - y, ~called),
        "precision": reference.precision_score(y, called, zero_division=0),
    }[goal]
    assert reached >= share or choice.note is not None


@SETTINGS
@given(tasks(), st.sampled_from(["youden", "f1"]))
def test_no_other_threshold_is_better(task: tuple[np.ndarray, np.ndarray], policy: str) -> None:
    labels, probabilities = task

    def value(threshold: float) -> float:
        scores = score_task(labels, probabilities, threshold=threshold)
        return scores.f1 if policy == "f1" else scores.sensitivity + scores.specificity

    best = value(chosen(labels, probabilities, policy).threshold)
    assert all(value(threshold) <= best + 1e-12 for threshold in np.linspace(0, 1, 41))
