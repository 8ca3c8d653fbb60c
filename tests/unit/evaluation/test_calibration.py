"""Platt's scale and offset."""

import numpy as np
import pytest
import scipy.special
from sklearn.linear_model import LogisticRegression

from kerastl.evaluation.calibration import (
    Platt,
    calibrated_probabilities,
    fit_platts,
    maximum_likelihood,
    unweighted_offset,
)
from kerastl.evaluation.scores import calibration_scores
from kerastl.records import to_values


def fit_platt(labels: np.ndarray, logits: np.ndarray) -> Platt:
    return fit_platts(labels[:, None], logits[:, None])[0]


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
    assert certain == pytest.approx(31 / 32, abs=0.01)  # Platt's targets
    assert impossible == pytest.approx(1 / 22, abs=0.01)


@pytest.mark.parametrize(("positives", "negatives"), [(4, 50), (50, 4)])
def test_too_few_labels_are_not_calibrated(positives: int, negatives: int) -> None:
    labels = np.repeat([1.0, 0.0], [positives, negatives])
    found = fit_platt(labels, labels * 2 - 1)
    kind = "positives" if positives < negatives else "negatives"
    assert (found.scale, found.offset) == (1.0, 0.0)
    assert found.reason == f"4 known {kind}, 5 are needed"


def test_logits_that_rank_backwards_hardly_count() -> None:
    labels = np.repeat([1.0, 0.0], [30, 60])
    logits = np.concatenate([np.linspace(-2, 0, 30), np.linspace(0, 2, 60)])
    found = fit_platt(labels, logits)
    assert 0 < found.scale < 0.1
    assert scipy.special.expit(found.scale * logits + found.offset).mean() == pytest.approx(1 / 3)
    assert found.reason == "positives have no higher logits than negatives"


@pytest.mark.parametrize("positives", [5, 12, 300])
def test_the_mean_probability_is_the_share_of_positives(positives: int) -> None:
    labels = np.repeat([1.0, 0.0], [positives, 700])
    logits = np.random.default_rng(0).normal(size=len(labels)) + 3 * labels + 4
    found = fit_platt(labels, logits)
    mean = scipy.special.expit(found.scale * logits + found.offset).mean()
    assert mean == pytest.approx(labels.mean(), rel=1e-4)


def test_few_positives_get_the_scale_of_the_other_tasks() -> None:
    labels, logits = drawn(0.2, 0.0, 6000)
    columns = labels.reshape(5, -1).T.copy(), logits.reshape(5, -1).T.copy()
    few = columns[0][:, 4]
    few[np.flatnonzero(few == 1)[8:]] = np.nan
    alone = fit_platts(columns[0][:, 4:], columns[1][:, 4:])[0]
    together = fit_platts(*columns)[4]
    assert abs(np.log(together.scale / 0.2)) < abs(np.log(alone.scale / 0.2))
    assert together.scale == pytest.approx(0.2, abs=0.05)


def test_ten_positives_get_a_lower_log_loss_than_plain_platt() -> None:
    random = np.random.default_rng(0)
    losses = []
    for _ in range(40):
        labels = np.repeat([1.0, 0.0], [10, 23])
        logits = 3 * random.normal(size=33) + 2 * labels
        fresh = np.repeat([1.0, 0.0], [300, 700])
        fresh_logits = 3 * random.normal(size=1000) + 2 * fresh
        found = fit_platt(labels, logits)
        plain = maximum_likelihood(logits, np.where(labels == 1, 11 / 12, 1 / 25))
        both = ((found.scale, found.offset), plain)
        losses.append([log_loss(fresh, fresh_logits * scale + offset) for scale, offset in both])
    shrunk, unshrunk = np.mean(losses, axis=0)
    assert shrunk < unshrunk - 0.004
    assert shrunk < 0.611  # of the share of positives alone


def log_loss(labels: np.ndarray, logits: np.ndarray) -> float:
    return float((np.logaddexp(0, logits) - labels * logits).mean())


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weight", [1.0, 7.0, 100.0])
def test_weight_and_smoothing_are_undone(weight: float, smoothing: float) -> None:
    share = 0.01
    target = share * (1 - smoothing) + smoothing / 2
    best = np.log(weight * target / (1 - target))  # minimizes the weighted loss of smoothed labels
    offset = unweighted_offset(weight, label_smoothing=smoothing, share=share)
    assert scipy.special.expit(best + offset) == pytest.approx(share)
    if not smoothing:
        assert offset == pytest.approx(-np.log(weight))


def test_calibration_never_changes_the_order() -> None:
    labels, logits = drawn(0.2, 3.0, 500)
    found = fit_platt(labels, logits)
    after = calibrated_probabilities(logits[:, None], [found.scale], [found.offset])[:, 0]
    assert (np.diff(after[np.argsort(logits)]) >= 0).all()
