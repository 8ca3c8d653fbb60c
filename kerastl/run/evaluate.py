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
from kerastl.run.inference import file_logits
from kerastl.run.record import RunRecord
from kerastl.run.scoring import score_parts, score_rows

if TYPE_CHECKING:
    import keras


def examples_of_split(record: RunRecord, split: str) -> Examples:
    """Returns the examples of a split as stored in the run.

    Raises:
        RunError: The run has no such split, or the table has changed since training.
    """
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


def examples_of_table(record: RunRecord, path: Path) -> Examples:
    """Returns the examples of another table, read with the data section of the run's config."""
    return load_table(record.config.data.changed(table=path.absolute()))


def evaluate(
    record: RunRecord,
    model: "keras.Model",
    examples: Examples,
    *,
    part: str | None,
    cache: bool,
    progress: Progress,
) -> SplitScores:
    """Returns the scores on examples; see `kerastl.runs.Run.evaluate`.

    Args:
        record: The run.
        model: Its model.
        examples: The examples to score.
        part: The split that the examples are, or None for another table.
        cache: Whether to read features from the cache and write them to it.
        progress: Receives progress updates.
    """
    logits, _ = file_logits(
        model,
        record.bundle,
        examples.paths,
        segments=examples.segments,
        on_error="raise",
        cache=cache,
        progress=progress,
    )
    return score_rows(examples, logits, record.bundle, record.config.evaluation, part=part)


def rescore(record: RunRecord, bundle: Bundle) -> Mapping[str, SplitScores]:
    """Returns the scores of all splits at the thresholds of another bundle.

    Args:
        record: The run.
        bundle: The new bundle, with the tasks and the calibration of the run.
    """
    splits = record.predictions["split"].to_numpy()
    examples = load_table(record.config.data).with_splits(splits)
    scores = score_parts(examples, record.logits, bundle, record.config.evaluation)
    return {**record.metrics, **scores}
