"""The paired gain of one model over another and its interval."""

import numpy as np
import pytest
import scipy.stats

from kerastl.evaluation.gains import calibrated_loss, measure_gain


def random_case(shift: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    y = random.integers(0, 2, (300, 2)).astype(float)
    signal = 2 * y - 1
    frozen = signal + random.normal(size=y.shape)
    tuned = frozen + shift * signal + 0.1 * random.normal(size=y.shape)
    y[random.random(y.shape) < 0.4] = np.nan
    return frozen, tuned, y


def test_a_clear_gain_is_larger_than_its_noise() -> None:
    gain = measure_gain(*random_case(1.0), None, seed=0)
    assert gain.is_larger_than_noise
    assert gain.low < gain.loss < gain.high


def test_no_gain_is_not_larger_than_its_noise() -> None:
    assert not measure_gain(*random_case(0.0), None, seed=0).is_larger_than_noise
    assert measure_gain(*random_case(-1.0), None, seed=0).high < 0


def test_the_gain_rests_on_known_labels_only() -> None:
    frozen, tuned, y = random_case(1.0)
    gain = measure_gain(frozen, tuned, y, None, seed=0)
    disturbed = np.where(np.isnan(y), 1e3, tuned)
    assert measure_gain(frozen, disturbed, y, None, seed=0) == gain
    assert gain.known == (~np.isnan(y)).sum()


def test_few_groups_make_the_interval_wide() -> None:
    frozen, tuned, y = random_case(0.2)
    rows = measure_gain(frozen, tuned, y, None, seed=0)
    noisy = tuned + np.repeat(np.random.default_rng(1).normal(size=(6, 2)), 50, axis=0)
    groups = np.repeat(np.arange(6), 50)
    by_group = measure_gain(frozen, noisy, y, groups, seed=0)
    assert by_group.high - by_group.low > rows.high - rows.low


def test_the_interval_of_few_labels_has_student_s_quantiles() -> None:
    y = np.repeat([1.0, 0.0], [4, 4])[:, None]  # too few for a scale and an offset
    second = np.random.default_rng(0).normal(size=y.shape)
    gain = measure_gain(np.zeros(y.shape), second, y, None, seed=0)
    saved = np.log(2) - np.logaddexp(0, np.where(y == 1, -second, second))
    error = saved.std(ddof=1) / np.sqrt(len(y))
    half = (gain.high - gain.low) / 2
    assert half == pytest.approx(scipy.stats.t.ppf(0.975, len(y) - 1) * error, rel=0.1)


def test_confidence_alone_is_not_a_gain() -> None:
    frozen, _, y = random_case(0.0)
    gain = measure_gain(frozen, 4 * frozen - 3, y, None, seed=0)
    assert abs(gain.loss) < 1e-3


def test_the_best_of_several_models_needs_a_larger_gain() -> None:
    one = measure_gain(*random_case(0.2), None, seed=0)
    best = measure_gain(*random_case(0.2), None, seed=0, choices=5)
    assert best.loss == one.loss
    assert best.low < one.low < one.high < best.high


def test_a_model_that_separates_few_labels_still_has_a_loss() -> None:
    y = np.repeat([[1.0], [0.0]], 20, axis=0)
    separated = np.where(y == 1, 2.0, -2.0) + np.random.default_rng(0).normal(0, 0.5, y.shape)
    assert 0.1 < calibrated_loss(separated, y) < 0.3


def test_the_calibrated_loss_of_a_diverged_model_is_nan() -> None:
    frozen, _, y = random_case(0.0)
    frozen[np.isnan(y)] = np.inf
    assert np.isfinite(calibrated_loss(frozen, y))
    frozen[~np.isnan(y)] = np.nan
    assert np.isnan(calibrated_loss(frozen, y))


def test_the_calibrated_loss_rests_on_known_labels_only() -> None:
    frozen, _, y = random_case(0.0)
    known = ~np.isnan(y[:, :1])
    assert calibrated_loss(frozen[:, :1], y[:, :1]) == pytest.approx(
        calibrated_loss(frozen[:, :1][known][:, None], y[:, :1][known][:, None])
    )
    assert calibrated_loss(frozen, np.full_like(y, np.nan)) == 0
