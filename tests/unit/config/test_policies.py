"""A policy has one parser and one text."""

import pytest

from kerastl.config import ConfigError, TrainableStages
from kerastl.config.policies import ThresholdPolicy, TrainablePolicy
from kerastl.errors import ModelError


@pytest.mark.parametrize(
    ("written", "policy", "text"),
    [
        ("youden", ThresholdPolicy("youden"), "youden"),
        (" sensitivity >= 0.90", ThresholdPolicy("sensitivity", 0.9), "sensitivity>=0.9"),
        ("sensitivity ~ 0.9", ThresholdPolicy("sensitivity", 0.9, False), "sensitivity~0.9"),
        (
            "false_accepts_per_hour~1",
            ThresholdPolicy("false_accepts_per_hour", 1.0, is_promise=False),
            "false_accepts_per_hour~1",
        ),
        ("precision>=1", ThresholdPolicy("precision", 1.0), "precision>=1"),
        (
            "false_accepts_per_hour<=12",
            ThresholdPolicy("false_accepts_per_hour", 12.0),
            "false_accepts_per_hour<=12",
        ),
        (0.25, ThresholdPolicy("fixed", 0.25), "0.25"),
    ],
)
def test_a_threshold_policy_has_one_text(written, policy, text) -> None:
    assert ThresholdPolicy.parse(written) == policy
    assert str(policy) == text
    assert ThresholdPolicy.of_bundle(text) == policy
    assert ThresholdPolicy.parse(policy.plain) == policy


@pytest.mark.parametrize(
    "written",
    [
        "fixed",
        "0.5",
        "sensitivity",
        "sensitivity>=nan",
        "sensitivity<=0.5",
        "f1>=0.5",
        "f1~0.5",
        "sensitivity~1.5",
        "sensitivity>~0.5",
        "false_accepts_per_hour<=inf",
        "false_accepts_per_hour<=0",
        1,
        True,
        None,
    ],
)
def test_what_is_not_a_threshold_policy_is_refused(written) -> None:
    with pytest.raises(ConfigError, match="threshold policy is not valid"):
        ThresholdPolicy.parse(written)


def test_only_false_accepts_need_recordings() -> None:
    assert ThresholdPolicy.parse("false_accepts_per_hour<=1").needs_recordings
    assert not ThresholdPolicy.parse("youden").needs_recordings


@pytest.mark.parametrize(
    ("written", "policy"),
    [
        (False, TrainablePolicy(backbone="frozen")),
        (True, TrainablePolicy(backbone="all")),
        ("auto", TrainablePolicy(backbone="auto")),
        ({"stages": 2}, TrainablePolicy(backbone="stages", stages=2)),
        (TrainableStages(stages=2), TrainablePolicy(backbone="stages", stages=2)),
        ({"variables": "*/beta"}, TrainablePolicy(backbone="variables", variables=("*/beta",))),
        ({"lora": 8}, TrainablePolicy(backbone="lora", lora=8)),
        ({"batch_norm": "update"}, TrainablePolicy(backbone="all", batch_norm="update")),
    ],
)
def test_every_form_of_a_trainable_policy_is_parsed(written, policy) -> None:
    assert TrainablePolicy.parse(written) == policy
    assert TrainablePolicy.parse(policy) is policy


@pytest.mark.parametrize(
    "written",
    ["all", None, 2, {}, {"stage": 2}, {"stages": 2, "variables": "*"}, {"batch_norm": "on"}],
)
def test_what_is_not_a_trainable_policy_is_refused(written) -> None:
    with pytest.raises(ModelError, match="trainable policy is not valid"):
        TrainablePolicy.parse(written)
