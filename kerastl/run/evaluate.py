"""Scoring a finished run on one of its splits or on another table."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerastl.config import Config, load_config
from kerastl.data.tables.examples import Examples
from kerastl.data.tables.loading import load_table
from kerastl.errors import RunError, suggestion
from kerastl.progress import Progress
from kerastl.records import to_values
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
        examples = _examples_of_split(run, split, load_table(config.data))
    else:
        examples = load_table(_with_table(config, table).data)
    logits, _ = predict_files(
        run,
        examples.paths,
        segments=examples.segments,
        on_error="raise",
        cache=cache,
        progress=progress,
    )
    scores = score_rows(
        examples,
        logits,
        run.bundle,
        config.evaluation,
        part=split if table is None else None,
    )
    values: dict[str, Any] = to_values(scores)
    return values


def _with_table(config: Config, table: Path) -> Config:
    data = config.data.changed(table=table.absolute())
    return config.changed(data=data)


def _examples_of_split(run: "Run", split: str | None, examples: Examples) -> Examples:
    """Returns the examples of a split as the run stored it, so that no row changes splits."""
    from kerastl.run.splits import read_splits

    examples = read_splits(run.path, examples)
    known = sorted(set(examples.splits))
    if split not in known:
        raise RunError(
            f"The run has no split '{split}'.",
            where=str(run.path / "splits.csv"),
            expected=", ".join(known),
            fix=suggestion(split or "", known),
        )
    return examples.take(examples.rows(str(split)))
