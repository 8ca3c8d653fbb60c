"""Scoring a finished run on one of its splits or on another table."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerastl.config import Config, load_config
from kerastl.data.tables.table import Table, load_table
from kerastl.errors import RunError, suggestion
from kerastl.progress import Progress
from kerastl.run.inference import predict_files
from kerastl.run.scoring import score_rows

if TYPE_CHECKING:
    from kerastl.run.folder import Run


def evaluate(
    run: "Run", table: Path | None, split: str | None, *, cache: bool, progress: Progress
) -> dict[str, Any]:
    """Returns the scores; see `kerastl.run.folder.Run.evaluate`."""
    config = load_config(run.path / "config.yaml")
    if table is None:
        examples = load_table(config.data)
        rows = _rows_of_split(run, split, examples)
    else:
        examples = load_table(_with_table(config, table).data)
        rows = np.arange(len(examples))
    paths = [examples.paths[row] for row in rows]
    segments = None if examples.segments is None else examples.segments.take(rows)
    logits, _ = predict_files(
        run, paths, segments=segments, on_error="raise", cache=cache, progress=progress
    )
    return score_rows(
        examples,
        rows,
        logits,
        run.bundle,
        config.evaluation,
        part=split if table is None else None,
    )


def _with_table(config: Config, table: Path) -> Config:
    data = config.data.changed(table=table.absolute())
    return config.changed(data=data)


def _rows_of_split(run: "Run", split: str | None, table: Table) -> np.ndarray:
    """Returns the rows of a split as the run stored them, so that no row changes sides."""
    from kerastl.run.splits import read_splits

    parts = read_splits(run.path, table)
    known = sorted(set(parts))
    if split not in known:
        raise RunError(
            f"The run has no split '{split}'.",
            where=str(run.path / "splits.csv"),
            expected=", ".join(known),
            fix=suggestion(split or "", known),
        )
    return np.flatnonzero(parts == split)
