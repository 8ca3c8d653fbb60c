"""Scores of a finished run on one of its splits or on another table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kerastl.data.inputs.streams import Decoded, FileInputs
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
from kerastl.run.sent_files import SentRun
from kerastl.run.shards import Job, Part, Shard, engines_text, hash_of, merged
from kerastl.run.work import Work

if TYPE_CHECKING:
    import keras

    from kerastl.run.file_logits import FileLogits
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
    stored = _stored_logits(record, part)
    if stored is not None:
        logits, engine = stored
    else:
        inputs = _inputs(record, examples)
        found = _file_logits(record, model, inputs, cache=cache).of(None, progress=progress)
        logits, engine = found[0], str(engine_facts(found[2]))
    return score_logits(record, examples, logits, part=part, engine=engine, cache=cache)


@dataclass(frozen=True, kw_only=True)
class Evaluation(Work):
    """The work of computing the logits that a run is scored on."""

    run: SentRun
    inputs: FileInputs
    stored: tuple[np.ndarray, str] | None  # logits that the run has, and what computed them
    cache: bool

    @classmethod
    def of(cls, record: RunRecord, table: Path | None, split: str, *, cache: bool) -> "Evaluation":
        """Returns the work for the examples of `examples_to_score`."""
        examples = examples_to_score(record, table, split)
        part = split if table is None else None
        job = Job(
            command="evaluate",
            counts=(len(examples),),
            inputs=_inputs_hash(examples),
            model=hash_of(answering_files(record.layout)),
            run=str(record.path.absolute()),
            table=None if table is None else str(table.absolute()),
            split=part,
        )
        return cls(
            job=job,
            run=SentRun(record),
            inputs=_inputs(record, examples),
            stored=_stored_logits(record, part),
            cache=cache,
        )

    @cached_property
    def _logits(self) -> "FileLogits":
        return _file_logits(self.run.record, self.run.load(), self.inputs, cache=self.cache)

    def decode(self, shard: Shard) -> Decoded | None:
        """Reads the files of a shard, unless their logits are stored."""
        return self.inputs.part(self.job.rows(shard)).read() if self.stored is None else None

    def compute(
        self, rows: np.ndarray, decoded: Decoded | None = None, *, progress: Progress
    ) -> tuple[pd.DataFrame, str]:
        """Returns the logits of the examples at these indices."""
        if self.stored is not None:
            logits, engine = self.stored[0][rows], self.stored[1]
        else:
            logits, _, used = self._logits.of(rows, decoded, progress=progress)
            engine = str(engine_facts(used))
        tasks = self.run.record.tasks
        return pd.DataFrame(dict(zip(tasks, logits.T, strict=True))), engine


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


def _inputs(record: RunRecord, examples: Examples) -> FileInputs:
    files, contract = examples.files, record.bundle.input
    return FileInputs(files, contract, cuts=examples.cuts, on_error="raise")


def _stored_logits(record: RunRecord, part: str | None) -> tuple[np.ndarray, str] | None:
    """Returns the out-of-fold logits of the run and their engine, if the part has them."""
    if part != VALIDATION or VALIDATION not in record.bundle.fitted_on:
        return None
    engine = str(record.bundle.engines.get("scores"))
    return record.logits[record.predictions["split"] == part], engine


def _file_logits(
    record: RunRecord, model: "keras.Model | TrainedModel", inputs: FileInputs, *, cache: bool
) -> "FileLogits":
    """Returns what computes logits by the engine on which the scores of the run rest."""
    from kerastl.run.file_logits import FileLogits

    stored = record.bundle.engines.get("scores")
    engine = "auto" if stored is None or stored.name == "xla" else stored.name
    return FileLogits(model, record.tasks, inputs, engine=engine, cache=cache)


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
