"""Scores of a finished run on one of its splits or on another table."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kerastl.data.tables.examples import Examples
from kerastl.data.tables.loading import load_table
from kerastl.errors import RunError, suggestion
from kerastl.evaluation.score_types import SplitScores
from kerastl.progress import Progress
from kerastl.run.bundle import Bundle
from kerastl.run.predict import file_logits
from kerastl.run.record import RunRecord
from kerastl.run.scoring import make_bootstrap, score_parts, score_rows, with_positive_shares

if TYPE_CHECKING:
    import keras


def examples_to_score(record: RunRecord, table: str | Path | None, split: str) -> Examples:
    """Returns the examples of another table, or of a split as stored in the run.

    Raises:
        RunError: The run has no such split, or the table has changed since training.
    """
    if table is not None:
        return load_table(record.config.data.changed(table=Path(table).absolute()))
    examples = record.examples()
    known = sorted(set(examples.splits))
    if split not in known:
        raise RunError(
            f"The run has no split '{split}'.",
            where=str(record.layout.splits),
            expected=", ".join(known),
            fix=suggestion(split, known),
        )
    return examples.take(examples.rows(split))


def evaluate(
    record: RunRecord,
    model: "keras.Model",
    examples: Examples,
    *,
    part: str | None,
    cache: bool,
    progress: Progress,
) -> SplitScores:
    """Returns the scores on examples, which are one split (`part`) or another table (None)."""
    logits, _ = file_logits(
        model,
        record.bundle,
        examples.paths,
        segments=examples.segments,
        on_error="raise",
        cache=cache,
        progress=progress,
    )
    bootstrap = make_bootstrap(record.config.evaluation, examples)
    return score_rows(examples.labels, logits, record.bundle, bootstrap, part)


def rescore(record: RunRecord, bundle: Bundle) -> Mapping[str, SplitScores]:
    """Returns the scores of all splits at the thresholds of a new bundle of the run."""
    splits = record.predictions["split"].to_numpy()
    examples = load_table(record.config.data).with_splits(splits)
    bootstrap = make_bootstrap(record.config.evaluation, examples)
    scores = {**record.metrics, **score_parts(examples, record.logits, bundle, bootstrap)}
    return (
        scores if record.missingness is None else with_positive_shares(scores, record.missingness)
    )
