"""Scores of a finished run on one of its splits or on another table."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kerastl.data.tables.examples import Examples
from kerastl.data.tables.loading import load_table
from kerastl.errors import RunError, suggestion
from kerastl.evaluation.held_out import VALIDATION
from kerastl.evaluation.score_types import SplitScores
from kerastl.features.cache.file_hashes import FileHashes
from kerastl.features.cache.location import HASHES, cache_folder
from kerastl.progress import Progress
from kerastl.run.bundle import Bundle
from kerastl.run.file_logits import file_logits
from kerastl.run.overlap import find_overlap
from kerastl.run.record import RunRecord
from kerastl.run.scoring import (
    engine_facts,
    make_bootstrap,
    score_parts,
    score_rows,
    with_positive_shares,
)

if TYPE_CHECKING:
    import keras

    from kerastl.run.trained_model import TrainedModel


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
    model: "keras.Model | TrainedModel",
    examples: Examples,
    *,
    part: str | None,
    cache: bool,
    progress: Progress,
) -> SplitScores:
    """Returns the scores on examples, which are one split (`part`) or another table (None).

    Validation examples that the model was fitted on have the out-of-fold predictions of the run.
    The features are those of the engine on which the scores of the run rest. Rows of another table
    that the model was trained on are named, and the others are scored apart.
    """
    stored = record.bundle.engines.get("scores")
    if part == VALIDATION and VALIDATION in record.bundle.fitted_on:
        logits, engine = record.logits[record.predictions["split"] == part], stored
    else:
        logits, _, used = file_logits(
            model,
            record.bundle,
            examples.files,
            cuts=examples.cuts,
            on_error="raise",
            engine="auto" if stored is None or stored.name == "xla" else stored.name,
            cache=cache,
            progress=progress,
        )
        engine = engine_facts(used)

    def score(rows: np.ndarray) -> SplitScores:
        chosen = examples.take(rows)
        bootstrap = make_bootstrap(record.config.evaluation, chosen)
        return score_rows(chosen.labels, logits[rows], record.bundle, bootstrap, part)

    scores = replace(score(np.arange(len(logits))), engine=str(engine))
    if part is not None:
        return scores
    hashes = FileHashes(cache_folder() / HASHES if cache else None)
    overlap = find_overlap(examples, record.splits, record.bundle.fitted_on, hashes)
    others = np.flatnonzero(~overlap.trained_on)
    is_partly = 0 < len(others) < len(logits)
    return replace(scores, note=overlap.note, others=score(others) if is_partly else None)


def rescore(record: RunRecord, bundle: Bundle) -> Mapping[str, SplitScores]:
    """Returns the scores of all splits at the thresholds of a new bundle of the run."""
    splits = record.predictions["split"].to_numpy()
    examples = load_table(record.config.data).with_splits(splits)
    bootstrap = make_bootstrap(record.config.evaluation, examples)
    scores = {**record.metrics, **score_parts(examples, record.logits, bundle, bootstrap)}
    return (
        scores if record.missingness is None else with_positive_shares(scores, record.missingness)
    )
