"""The JSON Schema accepts what the loader accepts."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from kerastl.config import config_schema, config_template, config_values, load_config

CONFIGS = Path(__file__).parents[3] / "configs"
RAW = yaml.safe_load(config_template())
VALIDATOR = jsonschema.Draft202012Validator(config_schema())


def errors(raw: dict[str, Any]) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(raw)]


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.name)
def test_a_shipped_config_and_its_resolved_form_fit_the_schema(path: Path) -> None:
    assert errors(yaml.safe_load(path.read_text())) == []
    assert errors(config_values(load_config(path))) == []


@pytest.mark.parametrize(
    "section",
    [
        {"fit": {"seed": 1}},
        {"fit": {"epochs": 1}},
        {"heads": "multi"},
        {"heads": {"a": {"tasks": ["first_task"]}}},
        {"trainable": {"variables": "*"}},
        {"trainable": {"variables": ["a", "b"]}},
        {"trainable": "auto"},
        {"loss": {"positive_weight": {"first_task": 2}}},
        {"backbone": {"name": "tiny:image", "input_size": [3, 4], "options": {"a": [1, None]}}},
        {"augment": None},
        {"evaluation": {"threshold": "sensitivity >= 0.9"}},
        {"evaluation": {"threshold": {"first_task": 0.3, "second_task": "f1"}}},
    ],
)
def test_every_shape_fits_the_schema(section: dict[str, Any]) -> None:
    assert errors({**RAW, **section}) == []


@pytest.mark.parametrize(
    "section",
    [
        {"fit": {"epoch": 1}},
        {"heads": "x"},
        {"trainable": 3},
        {"unknown": 1},
        {"backbone": {}},
        {"augment": {"rotate": 2}},
        {"evaluation": {"threshold": "best"}},
        {"evaluation": {"threshold": 1.5}},
    ],
)
def test_what_is_wrong_does_not_fit_the_schema(section: dict[str, Any]) -> None:
    assert errors({**RAW, **section}) != []


def test_every_key_has_a_description() -> None:
    schema = config_schema()
    for name, owner in {**schema["$defs"], "Config": schema}.items():
        for key, key_schema in owner.get("properties", {}).items():
            section = schema["$defs"].get(key_schema.get("$ref", "").rpartition("/")[2], {})
            assert key_schema.get("description", section.get("description")), f"{name}.{key}"
