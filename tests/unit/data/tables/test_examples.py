"""Examples: splits, selections of rows, and the unit of the bootstrap."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kerastl.config import DataConfig
from kerastl.data.tables.examples import Examples
from kerastl.data.tables.loading import build_examples
from kerastl_runtime.media_file import LocalFile


@pytest.fixture
def examples() -> Examples:
    frame = pd.DataFrame({"path": ["a.png", "b.png", "c.png"], "car": ["1", "", "0"], "g": "xyx"})
    frame["g"] = list("xyx")
    data = DataConfig(table=Path("t.csv"), image="path", tasks=("car",), group="g")
    return build_examples(
        frame, [LocalFile(f"/d/{name}") for name in frame["path"]], data, source="t"
    )


def test_rows_of_a_split_are_indices_in_the_order_of_the_table(examples: Examples) -> None:
    split = examples.with_splits(np.array(["train", "test", "train"]))
    assert split.rows("train").tolist() == [0, 2]
    assert split.rows("validation").tolist() == []


def test_examples_without_splits_have_no_rows(examples: Examples) -> None:
    with pytest.raises(ValueError, match="no splits yet"):
        examples.rows("train")


def test_taken_examples_keep_everything_about_a_row(examples: Examples) -> None:
    taken = examples.with_splits(np.array(["train", "test", "train"])).take(np.array([2, 1]))
    assert len(taken) == 2
    assert [path.name for path in taken.files] == ["c.png", "b.png"]
    np.testing.assert_array_equal(taken.labels, [[0], [np.nan]])
    assert list(taken.splits) == ["train", "test"]
    assert list(taken.frame["path"]) == ["c.png", "b.png"]
    assert list(taken.frame.index) == [0, 1]
