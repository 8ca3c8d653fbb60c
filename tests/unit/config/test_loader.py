"""From a file to a config and back."""

import os
import re
import subprocess
import sys
import time
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import yaml

from kerastl.config import (
    AugmentConfig,
    Config,
    ConfigError,
    HeadConfig,
    config_template,
    config_values,
    dump_config,
    load_config,
    parse_config,
    write_template,
)
from kerastl.config.augment_section import usual_augment
from kerastl.media.audio.kind import AUDIO
from kerastl.media.base import MediaType
from kerastl.media.image.kind import IMAGE
from kerastl.settings.locations import key_types

CONFIGS = Path(__file__).parents[3] / "configs"
RAW = yaml.safe_load(config_template())


@pytest.fixture
def template(tmp_path: Path) -> Path:
    write_template(tmp_path / "config.yaml")
    return tmp_path / "config.yaml"


def test_paths_are_relative_to_the_folder_of_the_file(template: Path) -> None:
    assert load_config(template).data.table == template.parent / "examples.csv"


def test_paths_in_overrides_are_relative_to_the_current_folder(
    template: Path, tmp_path_factory, monkeypatch
) -> None:
    here = tmp_path_factory.mktemp("here")
    monkeypatch.chdir(here)
    assert load_config(template, ["data.table=a.csv"]).data.table == here / "a.csv"


def test_overrides_are_applied_in_order(template: Path) -> None:
    config = load_config(template, ["fit.solver=keras", "fit.epochs=3", "fit.epochs=4"])
    assert config.fit.epochs == 4


def test_an_error_names_the_overrides_that_were_given(template: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(template, ["fit.sed=4"])
    assert caught.value.parts["where"] == f"{template}, --set fit.sed=4"


def test_a_dumped_config_loads_as_itself(template: Path, tmp_path: Path) -> None:
    overrides = ["trainable={variables: [a, b]}", "data.labels={first_task: {uncertain: ['1e4']}}"]
    config = load_config(template, overrides)
    (tmp_path / "resolved.yaml").write_text(dump_config(config), encoding="utf-8")
    assert load_config(tmp_path / "resolved.yaml") == config


def test_a_dumped_config_is_complete(template: Path) -> None:
    values = yaml.safe_load(dump_config(load_config(template)))
    assert list(values) == list(Config.model_fields)
    assert values["fit"] == {
        "solver": "exact",
        "regularization": "auto",
        "folds": 5,
        "refit": True,
        "seed": 0,
        "engine": "auto",
    }


def test_values_are_what_json_can_hold(template: Path) -> None:
    config = load_config(template)
    assert parse_config(config_values(config)) == config


def test_a_byte_order_mark_is_not_part_of_the_first_key(template: Path) -> None:
    template.write_bytes(b"\xef\xbb\xbf" + template.read_bytes())
    assert load_config(template).backbone.name == "tiny:image"


def test_the_template_names_every_key() -> None:
    missing = [path for path in key_types(Config) if f"{path[-1]}:" not in config_template()]
    assert missing == []


def test_the_template_shows_the_defaults() -> None:
    shown = _uncommented(config_template().split("# fit: ")[0])
    defaults = {**RAW, "data": {**RAW["data"], "group": "patient", "labels": {"first_task": {}}}}
    (head,) = shown.pop("heads").values()
    assert HeadConfig(**head) == HeadConfig(tasks=head["tasks"])
    del shown["augment"]
    assert parse_config(shown) == parse_config(defaults)


@pytest.mark.parametrize(("number", "media"), [(1, IMAGE), (2, AUDIO)])
def test_the_template_shows_the_augmentation_by_default(number: int, media: MediaType) -> None:
    block = config_template().split("# augment:  ")[number].splitlines()[1:]
    lines = [line[2:] for line in takewhile(str.strip, block) if line.startswith("#  ")]
    assert AugmentConfig(**yaml.safe_load("\n".join(lines))) == usual_augment(media)


def _uncommented(template: str) -> dict[str, Any]:
    """The template with every commented key in force, second choices of a key left out."""
    keys = re.compile(r"# ( *[a-z_]+:)")
    second_choices = ("# split: {column", "# heads: single")
    lines = [
        keys.sub(r"\1", line, count=1)
        for line in template.splitlines()
        if not line.strip().startswith(second_choices)
    ]
    return yaml.safe_load("\n".join(lines))


@pytest.mark.parametrize("number", [1, 2])
def test_the_template_shows_the_defaults_of_each_solver(number: int) -> None:
    block = config_template().split("# fit: ")[number]
    fit = yaml.safe_load("fit:\n" + "\n".join(x[2:] for x in block.splitlines()[1:]))["fit"]
    config = parse_config({**RAW, "fit": fit})
    assert config == parse_config({**RAW, "fit": {"solver": fit["solver"]}})
    assert list(fit) == list(type(config.fit).model_fields)


def test_the_template_never_overwrites(template: Path) -> None:
    before = template.read_text()
    with pytest.raises(ConfigError, match="already exists"):
        write_template(template)
    assert template.read_text() == before


@pytest.mark.parametrize("name", ["driving", "radiology", "digits"])
def test_a_shipped_config_loads(name: str) -> None:
    config = load_config(CONFIGS / f"{name}.yaml")
    assert config.data.table.is_absolute()


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.name)
def test_a_shipped_config_has_a_header(path: Path) -> None:
    header = path.read_text().split("\n\n")[0]
    for part in ("# Purpose: ", "# Data: ", "# Expected result: ", "# Command: kerastl train "):
        assert part in header
    assert f"configs/{path.name}" in header


def test_the_config_imports_nothing_heavy() -> None:
    code = (
        "import sys, kerastl.config as c; c.config_schema();"
        "print([m for m in ('keras', 'tensorflow', 'numpy', 'pandas') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr


CONFIG = """\
data: {table: a.csv, image: path, tasks: [%s]%s}
backbone: {name: tiny:image}
%s
"""


def many(text: str, count: int) -> str:
    """Returns a flow list's or mapping's entries: the text with each number."""
    return ", ".join(text.replace("#", str(number)) for number in range(count))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CONFIG % (many("t#", 100_000), "", ""), "more than 10,000 entries"),
        (CONFIG % ("a", ", labels: {" + many("t#: {}", 60_000) + "}", ""), "more than 10,000"),
        ("\n".join(f"k{number}: 1" for number in range(80_000)), "more than 10,000 entries"),
        (CONFIG % (many("t#", 90_000), "", "") + "x" * 10**6, "more than 1,000,000 characters"),
        ("\n".join(f"tasks{number}: 1" for number in range(9_000)), "more than 50 problems"),
        (CONFIG % (many("#", 9_000), "", ""), "more than 50 problems"),
        (CONFIG % (many("t", 9_000), "", ""), "more than 50 problems"),
        (
            CONFIG % (many("t#", 9_000), ", labels: {" + many("u#: {}", 9_000) + "}", ""),
            "more than 50 problems",
        ),
        (
            CONFIG % (many("t#", 9_000), "", "heads: {" + many("h#: [u#]", 9_000) + "}"),
            "more than 50 problems",
        ),
        (
            CONFIG % ("a", "", "evaluation: {threshold: {" + many("t#: youdn", 9_000) + "}}"),
            "more than 50 problems",
        ),
        (
            CONFIG
            % (
                "a",
                ", labels: {a: {positive: [%s], negative: [%s]}}" % ((many("u#", 9_000),) * 2),
                "",
            ),
            "more than 50 problems",
        ),
    ],
    ids=[
        *("tasks", "labels", "keys", "characters", "unknown keys", "numbers as tasks"),
        *("one task often", "labels of no task", "heads of no task", "thresholds", "cells"),
    ],
)
def test_a_huge_config_is_refused_at_once_and_in_a_short_message(
    text: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text(text)
    begin = time.process_time()
    with pytest.raises(ConfigError, match=message) as refused:
        load_config(tmp_path / "config.yaml")
    assert time.process_time() - begin < 10
    assert len(str(refused.value)) < 20_000


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.yaml")
    with pytest.raises(ConfigError, match="not a regular file"):
        load_config(tmp_path / "config.yaml")
