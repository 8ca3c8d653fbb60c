"""A training whose features don't fit into memory gives the model of one whose features do."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import kerastl
from kerastl import scratch
from kerastl.runs import Run


@pytest.mark.parametrize("name", ["bright", "tones"])
def test_features_on_disk_give_the_predictions_of_features_in_memory(
    name: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    run: Run = request.getfixturevalue(name)
    mapped: list[np.ndarray] = []
    scratch_array = scratch.scratch_array

    def recorded(shape: tuple[int, ...], dtype: np.typing.DTypeLike) -> np.ndarray:
        mapped.append(scratch_array(shape, dtype))
        return mapped[-1]

    monkeypatch.setattr(scratch, "MEMORY_SHARE", 0)
    monkeypatch.setattr(scratch, "scratch_array", recorded)
    monkeypatch.setattr(scratch.tempfile, "tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    found = kerastl.train(run.path / "config.yaml", output=tmp_path / "run")
    assert len(mapped) > 1
    assert all(isinstance(array, np.memmap) for array in mapped)
    pd.testing.assert_frame_equal(found.predictions, run.predictions, rtol=0, atol=1e-6)
    assert list((tmp_path / "scratch").iterdir()) == []
