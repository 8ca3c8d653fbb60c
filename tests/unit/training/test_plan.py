"""The training plan: which phases a config asks for, with which settings."""

from typing import Any

import pytest

from kerastl.config import parse_config
from kerastl.config.head import resolve_heads
from kerastl.training.plan import (
    TRIED_RATES,
    FineTune,
    FitHeads,
    SearchPlan,
    SolveHeads,
    TrainingPlan,
    plan_training,
)

TASKS = ("car", "bus")
HIDDEN = {"both": {"tasks": list(TASKS), "hidden": [4]}}


def plan(**sections: Any) -> Any:
    config = parse_config(
        {
            "data": {"table": "t.csv", "image": "path", "tasks": list(TASKS)},
            "backbone": {"name": "tiny:image"},
            **sections,
        }
    )
    return plan_training(config, resolve_heads(config.heads, TASKS))


def kinds(found: TrainingPlan) -> list[type]:
    return [type(phase) for phase in found.phases]


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({}, [SolveHeads]),
        ({"fit": {"solver": "keras"}}, [FitHeads]),
        ({"heads": HIDDEN}, [FitHeads]),
        ({"augment": {"flip": True}}, [FitHeads]),
        ({"trainable": True}, [SolveHeads, FineTune]),
        ({"trainable": {"stages": 1}, "heads": HIDDEN}, [FitHeads, FineTune]),
        ({"trainable": True, "backbone": {"name": "tiny:image", "weights": None}}, [FineTune]),
    ],
)
def test_phases_follow_from_trainable_heads_fit_and_augment(
    sections: dict[str, Any], expected: list[type]
) -> None:
    found = plan(**sections)
    assert kinds(found) == expected
    assert found.is_frozen is (FineTune not in expected)


def test_auto_plans_frozen_heads_and_fine_tuning_at_several_rates() -> None:
    found = plan(trainable="auto", fit={"seed": 3})
    assert isinstance(found, SearchPlan)
    assert kinds(found.start) == [SolveHeads]
    assert [phase.backbone_learning_rate for phase in found.candidates] == list(TRIED_RATES)
    assert {phase.policy.backbone for phase in found.candidates} == {"all"}
    assert found.may_stay_frozen
    assert found.seed == found.start.phases[0].seed == 3


def test_auto_takes_a_given_rate() -> None:
    (phase,) = plan(trainable="auto", fit={"backbone_learning_rate": 0.01}).candidates
    assert phase.backbone_learning_rate == phase.learning_rate == 0.01


@pytest.mark.parametrize("trainable", [True, {"stages": 2}])
def test_the_rate_of_any_trainable_part_may_be_auto(trainable: Any) -> None:
    found = plan(trainable=trainable, fit={"backbone_learning_rate": "auto"})
    assert isinstance(found, SearchPlan)
    assert len(found.candidates) == len(TRIED_RATES)
    assert {phase.policy.stages for phase in found.candidates} == {0 if trainable is True else 2}
    assert not found.may_stay_frozen


def test_random_weights_are_trained_at_the_rate_of_random_heads_if_it_is_auto() -> None:
    random = {"name": "tiny:image", "weights": None}
    fit = {"learning_rate": 0.1, "backbone_learning_rate": "auto"}
    (tuning,) = plan(trainable=True, fit=fit, backbone=random).phases
    assert tuning.backbone_learning_rate == 0.1


def test_heads_are_fitted_on_constant_features_before_augmented_fine_tuning() -> None:
    first, second = plan(trainable=True, heads=HIDDEN, augment={"flip": True}).phases
    assert first.uses_features
    assert second.augment is not None
    assert second.variation == "augment.flip"


def test_augmentation_without_any_change_is_no_augmentation() -> None:
    (phase,) = plan(augment={"flip": False}, fit={"solver": "keras"}).phases
    assert phase.uses_features


def test_epochs_are_compared_by_the_calibrated_loss_if_the_model_is_calibrated() -> None:
    assert all(phase.is_calibrated for phase in plan(trainable=True, heads=HIDDEN).phases)
    raw = plan(trainable=True, heads=HIDDEN, evaluation={"calibrate": False}).phases
    assert not any(phase.is_calibrated for phase in raw)


def test_heads_are_fitted_on_constant_features_before_fine_tuning_augmented_by_default() -> None:
    first, second = plan(trainable=True).phases
    assert first.augment is None
    assert second.augment.active == ("flip", "zoom", "shift", "brightness", "contrast")
    assert plan(trainable=True, augment=None).phases[1].augment is None


def test_fitted_heads_go_on_at_the_rate_of_the_backbone_by_default() -> None:
    fit = {"learning_rate": 0.1, "backbone_learning_rate": 0.01}
    tuning = plan(trainable=True, fit=fit).phases[1]
    assert tuning.learning_rate == tuning.backbone_learning_rate == 0.01
    assert tuning.keeps_start
    tuning = plan(trainable=True, fit={**fit, "fine_tuning_learning_rate": 0.05}).phases[1]
    assert tuning.learning_rate == 0.05


def test_heads_that_start_at_random_have_their_own_rate() -> None:
    (tuning,) = plan(
        trainable=True,
        fit={"learning_rate": 0.1, "backbone_learning_rate": 0.01},
        backbone={"name": "tiny:image", "weights": None},
    ).phases
    assert tuning.learning_rate == 0.1
    assert not tuning.keeps_start
