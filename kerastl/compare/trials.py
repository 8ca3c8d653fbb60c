"""Training the trials of a comparison: each an ordinary run folder.

Convention: a trial is one variant with one seed. If a comparison is interrupted, finished trials
stay finished and an unfinished one is continued.
"""

import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras

from kerastl import pipeline
from kerastl.compare.cost import TrialCost, measure_cost
from kerastl.compare.study import Study, TrainingVariant
from kerastl.config import Config, dump_config
from kerastl.errors import RunError, counted
from kerastl.files import write_json
from kerastl.progress import Progress
from kerastl.records import from_values, to_values
from kerastl.run.layout import RunLayout, free_name
from kerastl.runs import Run
from kerastl_runtime.files import read_json

PLAN = "plan.json"
TRIALS = "arms"


@dataclass(frozen=True, kw_only=True)
class ComparisonPlan:
    """What makes two comparisons the same."""

    axis: str  # as it was given
    seeds: int  # number of trials of each variant
    config: str  # as YAML
    tables: tuple[str, ...]  # SHA-256 of each


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One variant with one seed."""

    variant: TrainingVariant
    seed: int
    config: Config
    path: Path  # of the run folder

    @property
    def cost_path(self) -> Path:
        """File beside the run with its cost."""
        return self.path.with_name(f"{self.path.name}.json")

    @property
    def is_finished(self) -> bool:
        """Whether its run is finished and its cost complete."""
        return RunLayout(self.path).is_finished and self.cost().epochs is not None

    def cost(self) -> TrialCost:
        """Returns the cost so far; complete once the trial is finished."""
        return from_values(TrialCost, _read(self.cost_path))


def trial_path(output: Path, study: Study, variant: TrainingVariant, seed: int) -> Path:
    """Returns the folder of a trial's run; its number keeps variants of similar names apart."""
    number = study.variants.index(variant) + 1
    name = re.sub(r"[^\w.+=-]+", "-", variant.name).strip("-.")[:60]
    return output / TRIALS / f"{number:02d}-{name}" / f"seed-{seed}"


def open_folder(output: Path, plan: ComparisonPlan) -> None:
    """Starts a comparison in a folder, or continues the same one."""
    path = output / PLAN
    if path.is_file() and from_values(ComparisonPlan, _read(path)) == plan:
        return
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        other = "another comparison" if path.is_file() else "something that is not a comparison"
        raise RunError(
            f"'{output}' contains {other}; nothing is overwritten.",
            where=str(output),
            expected="the same config, table, axis and seeds as before, to continue it",
            fix=f"Choose another folder, such as --output {free_name(output)}.",
        )
    write_json(path, to_values(plan))


def run_trials(trials: Sequence[Trial], *, cache: bool, progress: Progress) -> None:
    """Trains the trials that are not finished yet; one that uses another's backbone is later."""
    left = [trial for trial in trials if not trial.is_finished]
    done = len(trials) - len(left)
    if done:
        are = "is" if done == 1 else "are"
        progress.note(f"{done} of {counted(len(trials), 'training')} {are} finished already.")
    for number, trial in enumerate(left, start=done + 1):
        progress.note(
            f"Training {number} of {len(trials)}: {trial.variant.name}, seed {trial.seed}"
        )
        is_first = trial.seed == trials[0].seed  # others of the variant have the same model
        _run(trial, is_first=is_first, cache=cache, progress=progress)


def _run(trial: Trial, *, is_first: bool, cache: bool, progress: Progress) -> None:
    before = trial.cost().seconds or 0.0
    started = time.monotonic()
    try:
        run = _train(trial, cache=cache, progress=progress)
    except BaseException as stop:
        cost = TrialCost(seconds=before + time.monotonic() - started)
        write_json(trial.cost_path, to_values(cost))
        if isinstance(stop, KeyboardInterrupt):
            raise KeyboardInterrupt(
                "The finished trainings are kept; give the same command again to continue."
            ) from None
        raise
    seconds = before + time.monotonic() - started
    cost = measure_cost(run) if is_first else TrialCost()
    history = run.record.history
    epochs = int((history["epoch"] > 0).sum()) if len(history) else 0
    write_json(trial.cost_path, to_values(replace(cost, seconds=seconds, epochs=epochs)))
    keras.backend.clear_session()  # frees the graphs of the finished trial


def _train(trial: Trial, *, cache: bool, progress: Progress) -> Run:
    layout = RunLayout(trial.path)
    if layout.is_complete:
        return Run(trial.path)
    if layout.is_started:
        if layout.config.read_text(encoding="utf-8") == dump_config(trial.config):
            return pipeline.resume(trial.path, cache=cache, progress=progress)
        shutil.rmtree(trial.path)
    return pipeline.train(trial.config, output=trial.path, cache=cache, progress=progress)


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(read_json(path))
    except (OSError, ValueError):
        return {}
