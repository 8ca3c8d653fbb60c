"""`trainable: auto`: what it decides, and on what."""

import numpy as np

from kerastl.evaluation.gains import Gain
from kerastl.records import to_values
from kerastl.training.auto import (
    FEW_LABELS,
    MANY_WEIGHTS,
    SOME_LABELS,
    count_labels,
    reason_not_to_fine_tune,
)
from kerastl.training.evidence import LabelSupply

STEEP = Gain(loss=0.02, low=0.01, high=0.03, known=100)
FLAT = Gain(loss=0.001, low=-0.01, high=0.012, known=100)


def supply(rarer: int, *, curve: Gain | None = FLAT, weights: int = 1000) -> LabelSupply:
    return LabelSupply(
        positives={"car": rarer, "bus": rarer},
        negatives={"car": 500, "bus": 500},
        weights=weights,
        second_half=curve,
    )


def test_few_known_labels_keep_the_backbone_frozen_and_say_why() -> None:
    reason = reason_not_to_fine_tune(supply(FEW_LABELS - 1))
    assert reason is not None
    assert f"{FEW_LABELS - 1} known training labels" in reason


def test_where_the_frozen_head_lacks_features_rather_than_labels_fine_tuning_is_tried() -> None:
    assert reason_not_to_fine_tune(supply(FEW_LABELS)) is None
    assert reason_not_to_fine_tune(supply(FEW_LABELS, curve=None)) is None


def test_where_the_frozen_head_lacks_labels_it_takes_more_of_them_to_try() -> None:
    reason = reason_not_to_fine_tune(supply(SOME_LABELS - 1, curve=STEEP))
    assert reason is not None
    assert "so it lacks labels" in reason
    assert reason_not_to_fine_tune(supply(SOME_LABELS, curve=STEEP)) is None


def test_where_the_frozen_head_lacks_labels_a_huge_backbone_is_not_fine_tuned() -> None:
    huge = supply(SOME_LABELS, curve=STEEP, weights=MANY_WEIGHTS * 1401)
    reason = reason_not_to_fine_tune(huge)
    assert reason is not None
    assert "fine-tuning would train 1,001 weights for each known label" in reason
    assert reason_not_to_fine_tune(supply(SOME_LABELS, weights=MANY_WEIGHTS * 1401)) is None


def test_unknown_labels_do_not_count_as_labels() -> None:
    column = np.r_[np.ones(3), np.zeros(5), np.full(100, np.nan)]
    counted = count_labels(np.stack([column, 1 - column], axis=1), ("car", "bus"))
    assert counted == ({"car": 3, "bus": 5}, {"car": 5, "bus": 3})


def test_the_supply_is_written_with_the_keys_of_the_bundle() -> None:
    values = to_values(supply(60))
    assert set(values) == {
        "positives",
        "negatives",
        "weights",
        "weights_per_label",
        "second_half",
    }
    assert values["second_half"] == {"loss": 0.001, "low": -0.01, "high": 0.012, "known": 100}
