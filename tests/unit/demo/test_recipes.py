"""Recipes: each demo's config fits what it draws and what configs/ ships."""

from pathlib import Path

import pandas as pd
import pytest

from kerastl.config import load_config
from kerastl.demo.digits import QUESTIONS
from kerastl.demo.recipes import RECIPES
from kerastl.demo.scenes import TASKS
from kerastl.demo.wake_word import WORDS


@pytest.mark.parametrize(
    ("name", "tasks", "backbone"),
    [
        ("driving", TASKS, "tiny:image"),
        ("digits", tuple(QUESTIONS), "tiny:image"),
        ("wake-word", WORDS, "tiny:speech"),
    ],
)
def test_a_recipes_config_loads_and_asks_the_questions_that_are_drawn(
    name: str, tasks: tuple[str, ...], backbone: str, tmp_path: Path
) -> None:
    path = tmp_path / f"{name}.yaml"
    path.write_text(RECIPES[name].config)
    config = load_config(path)
    assert config.data.tasks == tasks
    assert config.data.table == tmp_path / f"{name}.csv"
    assert config.backbone.name == backbone


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_the_shipped_config_asks_questions_that_the_demo_draws(
    name: str, repository: Path, tmp_path: Path
) -> None:
    config = load_config(repository / "configs" / f"{name.replace('-', '_')}.yaml")
    assert config.data.table == repository / "demo" / name / f"{name}.csv"
    path = tmp_path / f"{name}.yaml"
    path.write_text(RECIPES[name].config)
    assert set(config.data.tasks) <= set(load_config(path).data.tasks)


def test_drawing_writes_the_config_beside_its_table(tmp_path: Path) -> None:
    from kerastl.demo.recipes import prepare

    config, drawn = prepare(RECIPES["digits"], tmp_path / "digits")
    assert config.parent == drawn.table.parent == tmp_path / "digits"
    assert set(load_config(config).data.tasks) <= set(pd.read_csv(drawn.table).columns)
