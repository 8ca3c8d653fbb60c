"""Scores of a finished run on one of its splits or on another table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kerastl.data.tables.examples import Examples
from kerastl.data.tables.loading import load_table
from kerastl.errors import RunError, suggestion
from kerastl.evaluation.held_out import VALIDATION
from kerastl.evaluation.score_types import SplitScores
from kerastl.features.cache.file_hashes import FileHashes
from kerastl.features.cache.location import cache_folder
from kerastl.progress import Progress
from kerastl.run.bundle import Bundle
from kerastl.run.exported_form import answering_files
from kerastl.run.overlap import find_overlap
from kerastl.run.record import RunRecord, read_record
from kerastl.run.scoring import (
    engine_facts,
    make_bootstrap,
    score_parts,
    score_rows,
    with_positive_shares,
)
from kerastl.run.shards import Job, Part, Shard, compute_part, engines_text, hash_of, merged

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
    logits, engine = _logits(
        record, model, examples, None, part=part, cache=cache, progress=progress
    )
    return score_logits(record, examples, logits, part=part, engine=engine, cache=cache)


def evaluate_shard(
    record: RunRecord,
    load: "Callable[[], TrainedModel]",
    table: Path | None,
    split: str,
    shard: Shard,
    folder: Path,
    *,
    cache: bool,
    progress: Progress,
) -> None:
    """Writes the logits of a shard into a folder unless they are there."""
    examples = examples_to_score(record, table, split)
    part = split if table is None else None
    job = Job(
        command="evaluate",
        num_shards=shard.count,
        counts=(len(examples),),
        inputs=_inputs_hash(examples),
        model=hash_of(answering_files(record.layout)),
        run=str(record.path.absolute()),
        table=None if table is None else str(table.absolute()),
        split=part,
    )

    def compute(rows: np.ndarray) -> tuple[pd.DataFrame, str]:
        logits, engine = _logits(
            record, load(), examples, rows, part=part, cache=cache, progress=progress
        )
        return pd.DataFrame(dict(zip(record.tasks, logits.T, strict=True))), engine

    compute_part(folder, shard, job, compute, progress=progress)


def merge_scores(parts: Sequence[Part], *, cache: bool) -> SplitScores:
    """Returns the scores of all examples of the shards.

    Raises:
        RunError, TableError: The run or its examples are not found, or have changed.
    """
    job = parts[0].job
    record = read_record(str(job.run))
    examples = examples_to_score(record, job.table, str(job.split))
    found = hash_of(answering_files(record.layout)), _inputs_hash(examples)
    if found != (job.model, job.inputs):
        raise RunError(
            "The run or the table has changed since the shards were computed.",
            where=f"{job.run}, {examples.source}",
            fix="Restore the files, or run all shards again with another --output.",
        )
    logits = merged(parts)[list(record.tasks)].to_numpy()
    engine = engines_text(parts)
    return score_logits(record, examples, logits, part=job.split, engine=engine, cache=cache)


def _inputs_hash(examples: Examples) -> str:
    cuts = [] if examples.cuts is None else [examples.cuts.values]
    return hash_of(list(map(str, examples.files)), examples.labels, *cuts)


def _logits(
    record: RunRecord,
    model: "keras.Model | TrainedModel",
    examples: Examples,
    rows: np.ndarray | None,
    *,
    part: str | None,
    cache: bool,
    progress: Progress,
) -> tuple[np.ndarray, str]:
    """Returns the logits of all examples or of those at some indices, and what computed them."""
    stored = record.bundle.engines.get("scores")
    if part == VALIDATION and VALIDATION in record.bundle.fitted_on:
        logits = record.logits[record.predictions["split"] == part]
        return logits if rows is None else logits[rows], str(stored)
    from kerastl.run.file_logits import file_logits

    logits, _, used = file_logits(
        model,
        record.bundle,
        examples.files,
        cuts=examples.cuts,
        rows=rows,
        on_error="raise",
        engine="auto" if stored is None or stored.name == "xla" else stored.name,
        cache=cache,
        progress=progress,
    )
    return logits, str(engine_facts(used))


def score_logits(
    record: RunRecord,
    examples: Examples,
    logits: np.ndarray,
    *,
    part: str | None,
    engine: str,
    cache: bool,
) -> SplitScores:
    """Returns the scores of examples with these logits; see `evaluate`."""

    def score(rows: np.ndarray) -> SplitScores:
        chosen = examples.take(rows)
        bootstrap = make_bootstrap(record.config.evaluation, chosen)
        return score_rows(chosen.labels, logits[rows], record.bundle, bootstrap, part)

    scores = replace(score(np.arange(len(logits))), engine=engine)
    if part is not None:
        return scores
    hashes = FileHashes(cache_folder() if cache else None)
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
