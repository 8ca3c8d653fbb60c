"""Decision thresholds chosen by a policy."""

import numpy as np
import pytest

from kerastl.config.policies import ThresholdPolicy
from kerastl.evaluation.scores import score_task
from kerastl.evaluation.thresholds import ChosenThreshold, choose_threshold, threshold_steps

LABELS = np.array([0, 0, 1, 0, 1, 0, 1, 1, np.nan])
PROBABILITIES = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.95])


def chosen(labels: np.ndarray, probabilities: np.ndarray, policy: str | float) -> ChosenThreshold:
    return choose_threshold(labels, probabilities, ThresholdPolicy.parse(policy))


def scores_at(threshold: float) -> dict:
    return score_task(LABELS, PROBABILITIES, threshold=threshold)


def every_score(name: str) -> list[float]:
    return [scores_at(threshold).value(name) for threshold in np.linspace(0.005, 0.995, 199)]


def test_youden_maximizes_sensitivity_and_specificity_together() -> None:
    found = scores_at(chosen(LABELS, PROBABILITIES, "youden").threshold)
    best = np.add(every_score("sensitivity"), every_score("specificity")).max()
    assert found.sensitivity + found.specificity == pytest.approx(best)


def test_f1_maximizes_f1() -> None:
    found = scores_at(chosen(LABELS, PROBABILITIES, "f1").threshold)
    assert found.f1 == pytest.approx(np.nanmax(every_score("f1")))


@pytest.mark.parametrize("target", [0.25, 0.5, 0.7, 0.75, 1.0])
def test_a_sensitivity_is_reached_with_the_highest_specificity(target: float) -> None:
    found = scores_at(chosen(LABELS, PROBABILITIES, f"sensitivity~{target}").threshold)
    assert found.sensitivity >= target
    reaching = np.array(every_score("sensitivity")) >= target
    assert found.specificity == np.array(every_score("specificity"))[reaching].max()


@pytest.mark.parametrize("target", [0.25, 0.5, 0.75, 1.0])
def test_a_specificity_is_reached_with_the_highest_sensitivity(target: float) -> None:
    found = scores_at(chosen(LABELS, PROBABILITIES, f"specificity~{target}").threshold)
    assert found.specificity >= target
    reaching = np.array(every_score("specificity")) >= target
    assert found.sensitivity == np.array(every_score("sensitivity"))[reaching].max()


def test_a_precision_is_reached_with_the_highest_sensitivity() -> None:
    choice = chosen(LABELS, PROBABILITIES, "precision~0.7")
    assert choice.note is None
    assert 0.4 < choice.threshold < 0.5  # 3 of the 4 at 0.5 and above are positive
    assert scores_at(choice.threshold).sensitivity == 0.75


def test_an_unreachable_precision_gives_the_highest_and_a_note() -> None:
    labels, probabilities = np.array([1.0, 0, 0, 1]), np.array([0.4, 0.9, 0.2, 0.8])
    choice = chosen(labels, probabilities, "precision~0.95")
    assert choice.note == "a precision of 0.95 is never reached; the highest is 0.67"
    assert 0.2 < choice.threshold < 0.4


def test_a_specificity_that_misses_every_positive_gives_a_note() -> None:
    choice = chosen(np.array([1.0, 0]), np.array([0.4, 0.9]), "specificity~0.9")
    assert choice.note == "a specificity of 0.9 is only reached by missing all positives"
    assert choice.threshold > 0.9


def test_a_number_is_taken_as_it_is() -> None:
    assert chosen(LABELS, PROBABILITIES, 0.31).threshold == 0.31


@pytest.mark.parametrize(("label", "kind"), [(1.0, "negatives"), (0.0, "positives")])
def test_without_both_classes_the_threshold_is_one_half_with_a_note(
    label: float, kind: str
) -> None:
    choice = chosen(np.array([label, np.nan]), np.array([0.2, 0.3]), "youden")
    assert choice.threshold == 0.5
    assert choice.note == f"no known {kind} to choose a threshold on, so it is 0.5"


def test_rounding_does_not_change_a_decision() -> None:
    for threshold in threshold_steps(LABELS[:8] == 1, PROBABILITIES[:8]).thresholds:
        assert np.abs(PROBABILITIES[:8] - threshold).min() > 0.04


def test_neighbors_one_rounding_apart_are_still_separated() -> None:
    lower = 0.5
    upper = np.nextafter(lower, 1)
    choice = chosen(np.array([0.0, 1.0]), np.array([lower, upper]), "youden")
    assert lower < choice.threshold <= upper


def test_equal_probabilities_fall_on_one_side() -> None:
    labels, probabilities = np.array([1.0, 0, 1, 0]), np.array([0.6, 0.6, 0.6, 0.1])
    assert 0.1 < chosen(labels, probabilities, "youden").threshold < 0.6
