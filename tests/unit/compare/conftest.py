"""Shared fixtures: a small table with unknown labels and groups."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kerastl.config import Config, parse_config
from kerastl.data.tables.examples import Examples
from kerastl.data.tables.loading import load_table

TASKS = ("car", "bus", "van")


@pytest.fixture(scope="session")
def table_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 rows in 40 groups; `bus` is blank in a quarter, `van` unsure in a few; 80 train."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.integers(0, 2, (120, 3)), columns=TASKS).astype(str)
    frame.loc[random.random(120) < 0.25, "bus"] = ""
    frame.loc[frame.index % 17 == 0, "van"] = "-1"
    frame["path"] = [f"{number}.png" for number in range(120)]
    frame["scene"] = [f"s{number // 3}" for number in range(120)]
    frame["part"] = np.repeat(["train", "validation", "test"], [81, 18, 21])
    path = tmp_path_factory.mktemp("compare") / "table.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture
def make_config(table_path: Path) -> Callable[..., Config]:
    """Returns a config on the table, with sections replaced."""

    def make(**sections: Any) -> Config:
        return parse_config(
            {
                "data": {
                    "table": str(table_path),
                    "image": "path",
                    "tasks": list(TASKS),
                    "group": "scene",
                    "split": {"column": "part"},
                    "labels": {"van": {"uncertain": ["-1"], "when_uncertain": "positive"}},
                },
                "backbone": {"name": "tiny:image", "weights": None, "input_size": 32},
                **sections,
            }
        )

    return make


@pytest.fixture
def table(make_config: Callable[..., Config]) -> Examples:
    """The examples with their splits."""
    found = load_table(make_config().data)
    return found.with_splits(found.frame["part"].to_numpy())
