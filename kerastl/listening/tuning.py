"""Thresholds under `false_accepts_per_hour<=x`, chosen on recordings for validation."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerastl.config import Config
from kerastl.config.policies import ThresholdPolicy
from kerastl.data.tables.recordings import (
    Recordings,
    about_other_words,
    about_training,
    load_recordings,
)
from kerastl.listening.hearing import Heard, hear
from kerastl.listening.listener import Listener
from kerastl.listening.scorer import WindowScorer
from kerastl.progress import Progress
from kerastl.run.bundle import InputContract, TaskBundle

if TYPE_CHECKING:
    import keras


def check_recordings(config: Config, trained_on: Iterable[Path]) -> str | None:
    """Reads the table of recordings that a config names, and returns what deserves a warning.

    Args:
        config: May name recordings.
        trained_on: Absolute paths of the training files.

    Raises:
        TableError: The table can't be read, or a row of it makes no sense.
        MediaError: A recording is missing or no sound.
    """
    if config.evaluation.recordings is None:
        return None
    recordings = load_recordings(config.evaluation.recordings, config.data.tasks)
    return about_training(recordings, trained_on)


def tune_on_recordings(
    model: "keras.Model",
    tasks: Mapping[str, TaskBundle],
    config: Config,
    contract: InputContract,
    *,
    progress: Progress,
) -> tuple[dict[str, TaskBundle], dict[str, Any]]:
    """Returns the tasks with the thresholds that recordings choose, and what they were chosen on.

    Args:
        model: The fitted model.
        tasks: Calibrated; those of another policy stay as they are.
        config: Names the policies and the recordings.
        contract: What goes into the model.
        progress: Told how far it is, and what was chosen.
    """
    evaluation = config.evaluation
    if evaluation.recordings is None:
        return dict(tasks), {}
    calibrations = {name: task.calibration for name, task in tasks.items()}
    scorer = WindowScorer(
        model, calibrations, contract, engine=config.fit.engine, progress=progress
    )
    listener = Listener(scorer, evaluation.listening)
    heard = hear(
        listener, load_recordings(evaluation.recordings, config.data.tasks), progress=progress
    )
    asked = {name: evaluation.policy(name) for name in tasks}
    policies = {name: policy for name, policy in asked.items() if policy.needs_recordings}
    return choose_thresholds(heard, tasks, policies, progress=progress), evidence_of(heard)


def choose_thresholds(
    heard: Heard,
    tasks: Mapping[str, TaskBundle],
    policies: Mapping[str, ThresholdPolicy],
    *,
    progress: Progress,
) -> dict[str, TaskBundle]:
    """Returns the tasks with new thresholds.

    Args:
        heard: The recordings to choose on.
        tasks: As they are.
        policies: Policy of each task whose threshold is chosen.
        progress: Told what each threshold does to these recordings.
    """
    said = about_other_words(heard.recordings, list(tasks))
    if said is not None:
        progress.note(said)
    changed = {name: _choose(heard, name, tasks[name], policies[name]) for name in policies}
    for name, task in changed.items():
        progress.note(_told(heard, name, task.threshold))
    return {**tasks, **changed}


def evidence_of(heard: Heard) -> dict[str, Any]:
    """Returns what the bundle keeps about the recordings that thresholds were chosen on."""
    recordings = heard.recordings
    return {
        "recordings": {
            "table": str(recordings.source.absolute()),
            "sha256": recordings.sha256,
            "recordings": len(recordings.items),
            "hours": recordings.hours,
            "events": recordings.num_events(),
        }
    }


def is_tuned_on(evidence: Mapping[str, Any], recordings: Recordings) -> bool:
    """Whether a run's thresholds were chosen on these very recordings."""
    return bool(evidence.get("recordings", {}).get("sha256") == recordings.sha256)


def _choose(heard: Heard, name: str, task: TaskBundle, policy: ThresholdPolicy) -> TaskBundle:
    choice = heard.choose(name, policy.value or 0.0)
    return task.model_copy(
        update={
            "threshold": choice.threshold,
            "threshold_policy": str(policy),
            "threshold_note": choice.note,
            "tuned_on": heard.tuned_on,
        }
    )


def _told(heard: Heard, name: str, threshold: float) -> str:
    word = heard.words[name]
    found = word.at(threshold)
    return (
        f"{name}: the threshold {threshold:.4g} misses {found.missed.sum()} of {word.num_events} "
        f"events, with {found.false_accepts.sum()} false accepts in {word.hours:.2g} hours of the "
        "validation recordings."
    )
