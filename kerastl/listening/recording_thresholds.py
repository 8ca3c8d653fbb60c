"""Thresholds for `false_accepts_per_hour<=x` and `~x`, chosen on recordings for validation."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kerastl.config import Config, ConfigError
from kerastl.config.policies import ThresholdPolicy
from kerastl.data.tables.recordings import (
    Recordings,
    about_other_words,
    load_recordings,
)
from kerastl.errors import counted
from kerastl.evaluation.detection.rate_threshold import choose_for_rate
from kerastl.listening.scored_recordings import ScoredRecordings, score_recordings
from kerastl.listening.stream_scorer import StreamScorer
from kerastl.listening.window_scorer import WindowScorer
from kerastl.progress import Progress
from kerastl.run.bundle import Bundle, RecordingsFacts, TaskBundle

if TYPE_CHECKING:
    from kerastl.run.trained_model import TrainedModel


def tune_on_recordings(
    model: "TrainedModel", bundle: Bundle, config: Config, *, progress: Progress
) -> Bundle:
    """Returns the calibrated bundle with the thresholds that need the config's recordings."""
    evaluation = config.evaluation
    if evaluation.recordings is None:
        return bundle
    scorer = WindowScorer(model, bundle, engine=config.fit.engine, progress=progress)
    stream_scorer = StreamScorer(scorer, evaluation.listening)

    def score(table: Path) -> ScoredRecordings:
        recordings = load_recordings(table, config.data.tasks)
        return score_recordings(stream_scorer, recordings, progress=progress)

    scored = score(evaluation.recordings)
    negatives = None if evaluation.negatives is None else score(evaluation.negatives)
    policies = {
        name: policy
        for name in bundle.tasks
        if (policy := evaluation.policy(name)).needs_recordings
    }
    return choose_thresholds(scored, bundle, policies, negatives=negatives, progress=progress)


def choose_thresholds(
    scored: ScoredRecordings,
    bundle: Bundle,
    policies: Mapping[str, ThresholdPolicy],
    *,
    negatives: ScoredRecordings | None = None,
    progress: Progress,
) -> Bundle:
    """Returns the bundle with new thresholds, what they were chosen on, and the settings.

    Policies are those of the tasks whose threshold is chosen. Negatives, other recordings without
    events, may only raise thresholds.
    """
    others = about_other_words(scored.recordings, list(bundle.tasks))
    if others is not None:
        progress.note(others)
    changed = {
        name: _with_threshold(scored, name, bundle.tasks[name], policy, negatives)
        for name, policy in policies.items()
    }
    for name, task in changed.items():
        progress.note(_summary(scored, name, task.threshold))
    return bundle.changed(
        tasks={**bundle.tasks, **changed},
        evidence=bundle.evidence.changed(recordings=_facts(scored.recordings, negatives)),
        listening=scored.settings,
    )


def is_tuned_on(bundle: Bundle, recordings: Recordings) -> bool:
    """Whether thresholds of a run were chosen on these recordings."""
    known = bundle.evidence.recordings
    return known is not None and known.sha256 == recordings.sha256


def rate_policy(policy: str) -> ThresholdPolicy:
    """Parses `false_accepts_per_hour<=x`.

    Raises:
        ConfigError: It is another policy, or invalid.
    """
    with contextlib.suppress(ConfigError):
        parsed = ThresholdPolicy.parse(policy)
        if parsed.needs_recordings:
            return parsed
    raise ConfigError(
        "Only one threshold policy can be used with recordings.",
        expected="false_accepts_per_hour<=x or ~x with a number above 0",
        received=policy,
        fix="Write 'false_accepts_per_hour<=1' in quotes, or another number.",
    )


def _with_threshold(
    scored: ScoredRecordings,
    name: str,
    task: TaskBundle,
    policy: ThresholdPolicy,
    negatives: ScoredRecordings | None,
) -> TaskBundle:
    without = None if negatives is None else negatives.words[name]
    choice = choose_for_rate(scored.words[name], policy, without)
    hours, num_events = scored.recordings.hours, scored.recordings.num_events()
    return task.changed(
        threshold=choice.threshold,
        threshold_policy=str(policy),
        threshold_note=choice.note,
        bounds={},
        promise=choice.promise,
        tuned_on=f"validation recordings, {hours:.2g} hours, {counted(num_events, 'event')}",
    )


def _facts(recordings: Recordings, negatives: ScoredRecordings | None) -> RecordingsFacts:
    return RecordingsFacts(
        table=str(recordings.source.absolute()),
        sha256=recordings.sha256,
        recordings=len(recordings.items),
        hours=recordings.hours,
        events=recordings.num_events(),
        voices=len(recordings.speakers),
        negatives=None if negatives is None else str(negatives.recordings.source.absolute()),
    )


def _summary(scored: ScoredRecordings, name: str, threshold: float) -> str:
    word = scored.words[name]
    found = word.at(threshold)
    return (
        f"{name}: the threshold {threshold:.4g} misses {found.num_missed} of "
        f"{counted(word.num_events, 'event')}, with "
        f"{counted(found.num_false, 'false accept')} in {word.hours:.2g} hours of "
        "the validation recordings."
    )
