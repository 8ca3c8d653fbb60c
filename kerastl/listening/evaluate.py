"""Scoring a finished run on long recordings, and choosing its thresholds on them."""

import contextlib
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerastl.config import Config, ConfigError, ListeningConfig, load_config
from kerastl.config.policies import ThresholdPolicy
from kerastl.data.tables.loading import load_table
from kerastl.data.tables.recordings import about_other_words, about_training, load_recordings
from kerastl.evaluation.detection.matching import RULE
from kerastl.evaluation.detection.scoring import score_words
from kerastl.files import write_json
from kerastl.listening.hearing import Heard, hear
from kerastl.listening.listener import Listener
from kerastl.listening.scorer import WindowScorer
from kerastl.listening.tuning import choose_thresholds, evidence_of, is_tuned_on
from kerastl.progress import Progress
from kerastl.records import to_values
from kerastl.report import write_report_or_warn
from kerastl.run import folder as places
from kerastl.run.bundle import FILE_NAME, Bundle

if TYPE_CHECKING:
    from kerastl.run.folder import Run

_FLATTERED = "Thresholds were chosen on these recordings: their figures are flattered."


@dataclasses.dataclass(frozen=True, kw_only=True)
class Session:
    """A run and the recordings that it heard.

    Args:
        run: The run.
        listener: What slid its window.
        heard: The recordings.
    """

    run: "Run"
    listener: Listener
    heard: Heard

    def scores(self) -> dict[str, Any]:
        """Returns the scores at the run's thresholds; see `Run.evaluate_recordings`."""
        bundle, recordings = self.run.bundle, self.heard.recordings
        evaluation = load_config(self.run.path / places.CONFIG).evaluation
        found = score_words(
            self.heard.words,
            bundle.thresholds,
            replicates=evaluation.bootstrap,
            seed=evaluation.seed,
        )
        settings = self.listener.settings
        return {
            **found,
            "recordings": len(recordings.items),
            "hours": recordings.hours,
            "real_time_factor": self.heard.real_time_factor,
            "engine": self.listener.scorer.engine,
            "listening": {**settings.model_dump(), "window_seconds": self._window_seconds},
            "rule": RULE.format(tolerance=settings.tolerance_seconds),
            "tuned_on": {name: task.tuned_on for name, task in bundle.tasks.items()},
            "notes": [*self._notes()],
        }

    @property
    def _window_seconds(self) -> float:
        return self.listener.grid.window_seconds

    def _notes(self) -> list[str]:
        bundle, recordings = self.run.bundle, self.heard.recordings
        frame = self.run.predictions
        trained_on = map(Path, frame.loc[frame["split"] == "train", "path"].unique())
        trained = about_training(recordings, trained_on)
        flattered = _FLATTERED if is_tuned_on(bundle.evidence, recordings) else None
        others = about_other_words(recordings, bundle.task_names)
        notes = [
            f"{name}: {task.threshold_note}."
            for name, task in bundle.tasks.items()
            if task.threshold_note
        ]
        return [text for text in (trained, flattered, others, *notes) if text]


def listen_to_table(
    run: "Run",
    table: Path,
    listening: Mapping[str, float],
    *,
    cache: bool,
    progress: Progress,
) -> Session:
    """Scores every recording of a table once.

    Args:
        run: The run.
        table: Of recordings.
        listening: Settings that differ from the run's.
        cache: Whether the converted network is kept for later, and used.
        progress: Told how far it is.
    """
    settings = settings_of(run.bundle).changed(**listening)
    recordings = load_recordings(table, run.tasks)
    scorer = WindowScorer.of_run(run, cache=cache, progress=progress)
    listener = Listener(scorer, settings)
    heard = hear(listener, recordings, progress=progress)
    return Session(run=run, listener=listener, heard=heard)


def settings_of(bundle: Bundle) -> ListeningConfig:
    """Returns how a run listens."""
    return bundle.listening or ListeningConfig()


def rate_policy(policy: str) -> ThresholdPolicy:
    """Returns the policy that a text stands for.

    Raises:
        ConfigError: It isn't `false_accepts_per_hour<=x`.
    """
    with contextlib.suppress(ConfigError):
        parsed = ThresholdPolicy.parse(policy)
        if parsed.needs_recordings:
            return parsed
    raise ConfigError(
        "Recordings choose thresholds by one policy only.",
        expected="false_accepts_per_hour<=x with a number above 0",
        received=policy,
        fix="Write 'false_accepts_per_hour<=1' in quotes, or another number.",
    )


def store_thresholds(session: Session, policy: ThresholdPolicy, *, progress: Progress) -> None:
    """Chooses all thresholds of a run anew and writes them, with scores and report that follow.

    Args:
        session: The recordings to choose on.
        policy: `false_accepts_per_hour<=x`.
        progress: Told what was chosen.
    """
    run = session.run
    policies = dict.fromkeys(run.tasks, policy)
    tasks = choose_thresholds(session.heard, run.bundle.tasks, policies, progress=progress)
    bundle = run.bundle.model_copy(
        update={
            "tasks": tasks,
            "evidence": {**run.bundle.evidence, **evidence_of(session.heard)},
            "listening": session.listener.settings,
        }
    )
    metrics = _rescored(run, bundle, load_config(run.path / places.CONFIG))
    write_json(run.path / places.METRICS, metrics)
    write_json(run.path / FILE_NAME, bundle.model_dump(mode="json"))
    run.refresh()
    write_report_or_warn(run.path, progress=progress)


def _rescored(run: "Run", bundle: Bundle, config: Config) -> dict[str, Any]:
    """Returns the scores of the run's splits at the thresholds of another bundle."""
    from kerastl.run.results import score_parts

    frame = run.predictions
    logits = np.stack([frame[f"{task}_logit"].to_numpy() for task in run.tasks], axis=1)
    examples = load_table(config.data).with_splits(frame["split"].to_numpy())
    found: dict[str, Any] = json.loads((run.path / places.METRICS).read_text(encoding="utf-8"))
    return {**found, **to_values(score_parts(examples, logits, bundle, config.evaluation))}
