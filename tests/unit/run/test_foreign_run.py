"""The files of a run are data from outside, too: each is read, or refused with its name."""

import json
import os
import random
from contextlib import suppress
from pathlib import Path

import pytest
from finished_runs import write_run
from mutations import damaged, mutated

from kerastl.errors import RunError
from kerastl.run.layout import RunLayout
from kerastl.run.record import RunRecord


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> RunLayout:
    layout = RunLayout(write_run(tmp_path_factory.mktemp("run") / "run", rows=60))
    layout.splits.write_text("path,split\na.png,test\n")
    return layout


def test_mutated_scores_are_read_or_refused(written: RunLayout) -> None:
    draw = random.Random(0)
    original = written.metrics.read_text()
    num_refused = 0
    for _ in range(200):
        written.metrics.write_text(json.dumps(mutated(json.loads(original), draw)))
        try:
            _ = RunRecord(written).metrics
        except RunError:
            num_refused += 1
    written.metrics.write_text(original)
    assert num_refused > 50


def test_damaged_predictions_are_read_or_refused(written: RunLayout) -> None:
    draw = random.Random(0)
    original = written.predictions.read_bytes()
    for _ in range(60):
        written.predictions.write_bytes(damaged(original, draw))
        with suppress(RunError):
            record = RunRecord(written)
            _ = record.rows("test"), record.logits
    written.predictions.write_bytes(original)


def test_predictions_that_are_not_numbers_are_refused(written: RunLayout) -> None:
    original = written.predictions.read_bytes()
    frame = RunRecord(written).predictions
    frame.astype({"car_logit": str}).to_parquet(written.predictions)
    with pytest.raises(RunError, match="cannot be read") as refused:
        _ = RunRecord(written).predictions
    assert refused.value.parts["received"] == "no numbers in 'car_logit'"
    written.predictions.write_bytes(original)


@pytest.mark.parametrize("name", ["metrics", "predictions", "splits"])
def test_a_pipe_in_the_place_of_a_file_is_not_opened(name: str, written: RunLayout) -> None:
    path: Path = getattr(written, name)
    path.rename(path.with_suffix(".kept"))
    os.mkfifo(path)
    with pytest.raises(RunError, match=path.name):
        getattr(RunRecord(written), name)
    path.unlink()
    path.with_suffix(".kept").rename(path)
