"""What a comparison refuses, in whole texts."""

import json
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from kerastl.compare.axes import plan_study, read_values
from kerastl.compare.sharing import sharing_study
from kerastl.compare.trials import PLAN, ComparisonPlan, open_folder
from kerastl.config import parse_config
from kerastl.data.tables.loading import load_table
from kerastl.errors import KerastlError


def text(action, *arguments, **settings) -> str:
    with pytest.raises(KerastlError) as refused:
        action(*arguments, **settings)
    return str(refused.value)


@pytest.fixture
def config(tmp_path: Path):
    (tmp_path / "t.csv").write_text("path,car\na.png,1\nb.png,0\n")
    return parse_config(
        {
            "data": {"table": str(tmp_path / "t.csv"), "image": "path", "tasks": ["car"]},
            "backbone": {"name": "tiny:image"},
        }
    )


def expected(message: str) -> str:
    return dedent(message).strip()


def test_a_misspelt_axis(config) -> None:
    table = load_table(config.data)
    assert text(plan_study, "trainabel", config, table, fit={}) == expected("""
        'trainabel' is not an axis by itself.
          where:    --axis trainabel
          expected: sharing, trainable, uncertain, backbone=A,B, unknown, examples or KEY=V1,V2
          fix:      Did you mean 'trainable'?
    """)


def test_values_that_are_not_yaml_numbers() -> None:
    assert text(read_values, "fit.learning_rate", ".inf,1.0e-4") == expected("""
        The axis 'fit.learning_rate' cannot have these values.
          where:    --axis fit.learning_rate
          expected: a finite number, received .inf
          received: .inf,1.0e-4
    """)


def test_one_task_cannot_share(config) -> None:
    assert text(sharing_study, config, ("car",), modes=["frozen"], fit={}) == expected("""
        Sharing needs at least two tasks.
          where:    data.tasks
          received: car
    """)


def test_more_examples_than_there_are(config) -> None:
    table = load_table(config.data).with_splits(np.array(["train", "train"]))
    assert text(plan_study, "examples=5,all", config, table, fit={}) == expected("""
        The axis 'examples' cannot have these values.
          where:    --axis examples
          expected: fewer than the 2 training rows, or all
          received: 5
    """)


def test_a_folder_with_another_comparison(tmp_path: Path) -> None:
    plan = ComparisonPlan(axis="trainable", seeds=3, config="", tables=())
    (tmp_path / PLAN).write_text(json.dumps({"axis": "sharing"}))
    assert text(open_folder, tmp_path, plan) == expected(f"""
        '{tmp_path}' contains another comparison; nothing is overwritten.
          where:    {tmp_path}
          expected: the same config, table, axis and seeds as before, to continue it
          fix:      Choose another folder, such as --output {tmp_path}-2.
    """)
