"""`trainable: auto`: what it decides, and on what."""

import numpy as np

from kerastl.training.choice import (
    FEW_LABELS,
    MANY_WEIGHTS,
    SOME_LABELS,
    Gain,
    Supply,
    count_labels,
    measure_gain,
    reason_not_to_try,
)

STEEP = Gain(loss=0.02, low=0.01, high=0.03, known=100)
FLAT = Gain(loss=0.001, low=-0.01, high=0.012, known=100)


def supply(rarer: int, *, curve: Gain | None = FLAT, weights: int = 1000) -> Supply:
    return Supply(
        positives={"car": rarer, "bus": rarer},
        negatives={"car": 500, "bus": 500},
        weights=weights,
        curve=curve,
    )


def test_few_known_labels_keep_the_backbone_frozen_and_say_why() -> None:
    reason = reason_not_to_try(supply(FEW_LABELS - 1))
    assert reason is not None
    assert f"{FEW_LABELS - 1} known training labels" in reason


def test_where_the_frozen_head_lacks_features_rather_than_labels_fine_tuning_is_tried() -> None:
    assert reason_not_to_try(supply(FEW_LABELS)) is None
    assert reason_not_to_try(supply(FEW_LABELS, curve=None)) is None


def test_where_the_frozen_head_lacks_labels_it_takes_more_of_them_to_try() -> None:
    reason = reason_not_to_try(supply(SOME_LABELS - 1, curve=STEEP))
    assert reason is not None
    assert "labels are what it lacks" in reason
    assert reason_not_to_try(supply(SOME_LABELS, curve=STEEP)) is None


def test_where_the_frozen_head_lacks_labels_a_huge_backbone_is_not_fine_tuned() -> None:
    huge = supply(SOME_LABELS, curve=STEEP, weights=MANY_WEIGHTS * 1401)
    reason = reason_not_to_try(huge)
    assert reason is not None
    assert "1,001 weights would change for each known label" in reason
    assert reason_not_to_try(supply(SOME_LABELS, weights=MANY_WEIGHTS * 1401)) is None


def test_unknown_labels_do_not_count_as_labels() -> None:
    column = np.r_[np.ones(3), np.zeros(5), np.full(100, np.nan)]
    counted = count_labels(np.stack([column, 1 - column], axis=1), ("car", "bus"))
    assert counted == ({"car": 3, "bus": 5}, {"car": 5, "bus": 3})


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


def test_how_sure_a_model_sounds_is_no_gain() -> None:
    frozen, _, y = random_case(0.0)
    gain = measure_gain(frozen, 4 * frozen - 3, y, None, seed=0)
    assert abs(gain.loss) < 1e-3
