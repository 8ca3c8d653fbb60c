"""Scores of a run on long recordings."""

import itertools
from collections.abc import Iterator
from dataclasses import replace

from kerastl.data.tables.recordings import about_other_words, about_training
from kerastl.evaluation.detection.matching import RULE
from kerastl.evaluation.detection.mistakes import find_mistakes
from kerastl.evaluation.detection.word_scores import score_words
from kerastl.evaluation.score_types import RecordingScores
from kerastl.listening.recording_thresholds import is_tuned_on
from kerastl.listening.scored_recordings import ScoredRecordings
from kerastl.run.record import RunRecord

_OPTIMISTIC = "Thresholds were chosen on these recordings, so the scores are optimistic."


def detection_scores(record: RunRecord, scored: ScoredRecordings) -> RecordingScores:
    """Returns the scores at the run's thresholds."""
    evaluation, settings = record.config.evaluation, scored.settings
    together, words = score_words(
        scored.words,
        record.bundle.thresholds,
        replicates=evaluation.bootstrap,
        seed=evaluation.seed,
    )
    files = [str(item.file) for item in scored.recordings.items]
    return RecordingScores(
        all=together,
        words={
            name: replace(one, mistakes=find_mistakes(scored.words[name], files, one.threshold))
            for name, one in words.items()
        },
        recordings=len(scored.recordings.items),
        hours=scored.recordings.hours,
        real_time_factor=scored.real_time_factor,
        engine=scored.engine,
        listening={**settings.model_dump(), "window_seconds": scored.window_seconds},
        rule=RULE.format(tolerance=settings.tolerance_seconds),
        tuned_on={name: task.tuned_on for name, task in record.bundle.tasks.items()},
        notes=list(_notes(record, scored)),
        thresholds={name: task.facts for name, task in record.bundle.tasks.items()},
    )


def _notes(record: RunRecord, scored: ScoredRecordings) -> Iterator[str]:
    rows = (record.rows(part)["path"] for part in record.bundle.fitted_on)
    for note in (
        about_training(scored.recordings, itertools.chain.from_iterable(rows)),
        _OPTIMISTIC if is_tuned_on(record.bundle, scored.recordings) else None,
        about_other_words(scored.recordings, record.tasks),
    ):
        if note is not None:
            yield note
    for name, task in record.bundle.tasks.items():
        if task.threshold_note:
            yield f"{name}: {task.threshold_note}."
