"""Platt's scale and offset."""

import numpy as np
import pytest
import scipy.special
from sklearn.linear_model import LogisticRegression

from kerastl.evaluation.calibration import calibrated_probabilities, fit_platt
from kerastl.evaluation.scores import calibration_scores
from kerastl.records import to_values


def drawn(scale: float, offset: float, count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Logits of a model that is wrong by a scale and an offset, and labels with gaps."""
    random = np.random.default_rng(0)
    truth = random.normal(-1, 1.5, count)
    labels = (random.random(count) < scipy.special.expit(truth)).astype(float)
    labels[::5] = np.nan
    return labels, (truth - offset) / scale


def test_a_known_distortion_is_found() -> None:
    found = fit_platt(*drawn(0.4, -1.2))
    assert found.scale == pytest.approx(0.4, abs=0.03)
    assert found.offset == pytest.approx(-1.2, abs=0.1)
    assert found.reason is None


def test_calibration_is_the_maximum_likelihood_of_a_logistic_regression() -> None:
    labels, logits = drawn(2.0, 0.5)
    known = ~np.isnan(labels)
    model = LogisticRegression(C=np.inf, tol=1e-10).fit(logits[known, None], labels[known])
    found = fit_platt(labels, logits)  # its targets are smoothed by one in a thousand
    assert found.scale == pytest.approx(model.coef_[0, 0], rel=0.01)
    assert found.offset == pytest.approx(model.intercept_[0], abs=0.02)


def test_calibration_improves_log_loss_brier_and_calibration_error() -> None:
    labels, logits = drawn(0.3, 1.0)
    found = fit_platt(labels, logits)
    after = calibrated_probabilities(logits[:, None], [found.scale], [found.offset])[:, 0]
    before = calibration_scores(labels, scipy.special.expit(logits))
    for name, value in to_values(calibration_scores(labels, after)).items():
        assert value < getattr(before, name)


def test_calibration_undoes_the_effect_of_a_positive_weight() -> None:
    labels, logits = drawn(1.0, -np.log(5))  # a weight of 5 adds log 5 to the logits
    found = fit_platt(labels, logits)
    assert found.scale == pytest.approx(1.0, abs=0.07)
    assert found.offset == pytest.approx(-np.log(5), abs=0.2)


def test_separated_classes_get_no_certain_probabilities() -> None:
    labels = np.repeat([0.0, 1.0], [20, 30])
    found = fit_platt(labels, np.where(labels == 1, 30.0, -30.0))
    certain = scipy.special.expit(30 * found.scale + found.offset)
    impossible = scipy.special.expit(-30 * found.scale + found.offset)
    assert certain == pytest.approx(31 / 32, abs=1e-4)  # Platt's targets
    assert impossible == pytest.approx(1 / 22, abs=1e-4)


@pytest.mark.parametrize(("positives", "negatives"), [(9, 50), (50, 9)])
def test_too_few_labels_are_not_calibrated(positives: int, negatives: int) -> None:
    labels = np.repeat([1.0, 0.0], [positives, negatives])
    found = fit_platt(labels, labels * 2 - 1)
    kind = "positives" if positives < negatives else "negatives"
    assert (found.scale, found.offset) == (1.0, 0.0)
    assert found.reason == f"9 known {kind}, 10 are needed"


def test_logits_that_rank_backwards_are_not_calibrated() -> None:
    labels = np.repeat([1.0, 0.0], 30)
    found = fit_platt(labels, np.concatenate([np.linspace(-2, 0, 30), np.linspace(0, 2, 30)]))
    assert found.scale == 1.0
    assert found.reason == "positives have no higher logits than negatives"


def test_calibration_never_changes_the_order() -> None:
    labels, logits = drawn(0.2, 3.0, 500)
    found = fit_platt(labels, logits)
    after = calibrated_probabilities(logits[:, None], [found.scale], [found.offset])[:, 0]
    assert (np.diff(after[np.argsort(logits)]) >= 0).all()
