"""Scores of a run on long recordings, and the thresholds that are chosen on them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kerastl.data.tables.recordings import load_recordings
from kerastl.evaluation.score_types import RecordingScores
from kerastl.listening.detection_scores import detection_scores
from kerastl.listening.recording_thresholds import choose_thresholds, rate_policy
from kerastl.listening.scored_recordings import score_recordings
from kerastl.listening.stream_scorer import StreamScorer
from kerastl.listening.window_scorer import WindowScorer, sample_rate_of
from kerastl.progress import Progress
from kerastl.run.evaluate import rescore
from kerastl.run.record import RunRecord, read_record
from kerastl.run.results import write_thresholds

if TYPE_CHECKING:
    from kerastl.run.trained_model import TrainedModel


def evaluate_recordings(
    record: RunRecord,
    load: "Callable[[], TrainedModel]",
    table: str | Path,
    *,
    policy: str | None,
    negatives: str | Path | None,
    listening: Mapping[str, float],
    cache: bool,
    progress: Progress,
) -> RecordingScores:
    """Returns the scores of a run on recordings; see `kerastl.runs.Run.evaluate_recordings`.

    `load` returns the model. With a policy, thresholds are chosen and written into the run, with
    the scores that depend on them.
    """
    chosen = None if policy is None else rate_policy(policy)
    own = record.bundle.listening_config
    settings = own.parse({**dict(own), **listening}, where="the listening settings")
    tables = [table] if negatives is None else [table, negatives]
    recordings = [load_recordings(Path(one), record.tasks) for one in tables]
    sample_rate_of(record.bundle.input)  # fails before the model is loaded
    scorer = WindowScorer(load(), record.bundle, cache=cache, progress=progress)
    stream = StreamScorer(scorer, settings)
    scored, *more = (score_recordings(stream, one, progress=progress) for one in recordings)
    if chosen is not None:
        policies = dict.fromkeys(record.tasks, chosen)
        added = more[0] if more else None
        bundle = choose_thresholds(
            scored, record.bundle, policies, negatives=added, progress=progress
        )
        write_thresholds(record.layout, bundle, rescore(record, bundle))
        record = read_record(record.path)
    return detection_scores(record, scored)
