"""`--set KEY=VALUE` replaces single keys before anything is checked."""

from functools import partial
from pathlib import Path

import pytest

from kerastl.config.loader import anchor_paths, apply_override


def apply(*overrides: str, raw=None):
    result, problems = raw or {}, []
    for override in overrides:
        anchor = partial(anchor_paths, base=Path("/base"))
        result, more = apply_override(result, override, anchor)
        problems.extend(map(str, more))
    return result, problems


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("fit.epochs=3", {"fit": {"epochs": 3}}),
        ("heads=multi", {"heads": "multi"}),
        ("fit.patience=null", {"fit": {"patience": None}}),
        ("data.tasks=[a, b]", {"data": {"tasks": ["a", "b"]}}),
        ("trainable={stages: 2}", {"trainable": {"stages": 2}}),
        ("backbone.name=applications:x", {"backbone": {"name": "applications:x"}}),
        ('data.labels."a.b".positive=["=1"]', {"data": {"labels": {"a.b": {"positive": ["=1"]}}}}),
        (" fit.epochs = 3", {"fit": {"epochs": 3}}),
    ],
)
def test_a_value_is_yaml_at_a_dotted_path(override: str, expected) -> None:
    assert apply(override) == (expected, [])


def test_keys_beside_the_overridden_one_stay() -> None:
    raw = {"fit": {"seed": 1, "epochs": 2}, "heads": "multi"}
    assert apply("fit.epochs=3", raw=raw)[0] == {
        "fit": {"seed": 1, "epochs": 3},
        "heads": "multi",
    }


def test_the_given_config_stays_as_it_was() -> None:
    raw = {"fit": {"epochs": 2}}
    apply("fit.epochs=3", raw=raw)
    assert raw == {"fit": {"epochs": 2}}


def test_a_mapping_replaces_the_former_one() -> None:
    assert apply("fit={solver: exact}", raw={"fit": {"epochs": 2}})[0] == {
        "fit": {"solver": "exact"}
    }


def test_a_scalar_on_the_way_becomes_a_mapping() -> None:
    assert apply("trainable.stages=2", raw={"trainable": False})[0] == {"trainable": {"stages": 2}}


def test_the_last_override_of_a_key_counts() -> None:
    assert apply("fit.epochs=3", "fit.epochs=4")[0] == {"fit": {"epochs": 4}}


def test_a_path_is_relative_to_the_given_folder() -> None:
    assert apply("data.table=a.csv")[0] == {"data": {"table": "/base/a.csv"}}


@pytest.mark.parametrize("override", ["epochs", "=3", ".a=3", "a..b=3", "a.=3", '"a"b=3', ""])
def test_an_override_without_key_and_value_is_reported(override: str) -> None:
    assert apply(override) == (
        {},
        [f"--set {override}: expected KEY=VALUE, such as fit.epochs=3"],
    )


def test_an_empty_value_is_reported_instead_of_read_as_null() -> None:
    assert apply("backbone.weights=") == (
        {},
        ["--set backbone.weights=: expected a value after '='. For none write null."],
    )


def test_a_value_that_is_not_read_is_reported_at_the_key() -> None:
    assert apply("fit.learning_rate=.inf")[1] == [
        "fit.learning_rate: expected a finite number, received .inf"
    ]


def test_broken_yaml_is_reported() -> None:
    (problem,) = apply("data.tasks=[a")[1]
    assert problem.startswith("--set data.tasks=[a: the value is not valid YAML (line 1, column 3")
