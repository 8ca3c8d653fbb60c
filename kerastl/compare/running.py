"""Training the arms of a comparison: each an ordinary run folder, finished ones are only read.

Convention: an arm is one side with one seed. Whatever interrupts a comparison, what is finished
stays finished and what is half-finished is continued.
"""

import json
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from kerastl import pipeline
from kerastl.compare.cost import measure_cost, num_epochs
from kerastl.compare.sides import Side, Study
from kerastl.config import Config, dump_config
from kerastl.errors import RunError
from kerastl.files import write_json
from kerastl.progress import Progress
from kerastl.run.layout import RunLayout, free_name
from kerastl.runs import Run

PLAN = "plan.json"
ARMS = "arms"
_TIME = "seconds"


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One side with one seed.

    Args:
        side: The side.
        seed: The seed.
        config: What it is trained with.
        path: Folder of its run.
    """

    side: Side
    seed: int
    config: Config
    path: Path

    @property
    def facts_path(self) -> Path:
        """The file beside the run that keeps what it cost."""
        return self.path.with_name(f"{self.path.name}.json")


def arm_path(output: Path, study: Study, side: Side, seed: int) -> Path:
    """Returns the folder of an arm's run; its number keeps sides of like names apart."""
    number = study.sides.index(side) + 1
    name = re.sub(r"[^\w.+=-]+", "-", side.name).strip("-.")[:60]
    return output / ARMS / f"{number:02d}-{name}" / f"seed-{seed}"


def open_folder(output: Path, plan: Mapping[str, Any]) -> None:
    """Begins a comparison in a folder, or goes on with the same one.

    Args:
        output: The folder.
        plan: Axis, seeds, config and hashes of the tables, as plain values.

    Raises:
        RunError: Something else lies in the folder.
    """
    path = output / PLAN
    if path.is_file() and _read(path) == json.loads(json.dumps(plan)):
        return
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        other = "another comparison" if path.is_file() else "something that is no comparison"
        raise RunError(
            f"'{output}' holds {other}; nothing is overwritten.",
            where=str(output),
            expected="the same config, table, axis and seeds as before, to continue it",
            fix=f"Choose another folder, such as --output {free_name(output)}.",
        )
    write_json(path, plan)


def run_arms(arms: Sequence[Arm], *, cache: bool, progress: Progress) -> None:
    """Trains what isn't finished yet, in this order.

    Args:
        arms: All arms; one that takes another's backbone stands behind it.
        cache: Whether features of frozen backbones are kept and used.
        progress: Told which arm is trained.
    """
    left = [
        arm for arm in arms if not (RunLayout(arm.path).is_finished and "epochs" in read_facts(arm))
    ]
    done = len(arms) - len(left)
    if done:
        progress.note(f"{done} of {len(arms)} trainings are finished already.")
    for number, arm in enumerate(left, start=done + 1):
        progress.note(f"Training {number} of {len(arms)}: {arm.side.name}, seed {arm.seed}")
        _run_arm(arm, cache=cache, progress=progress)


def read_facts(arm: Arm) -> dict[str, Any]:
    """Returns what is kept beside an arm: its seconds and, once it is finished, its cost."""
    return _read(arm.facts_path)


def _is_finished(arm: Arm) -> bool:
    return RunLayout(arm.path).is_finished and "epochs" in read_facts(arm)


def _run_arm(arm: Arm, *, cache: bool, progress: Progress) -> None:
    before = read_facts(arm).get(_TIME, 0.0)
    started = time.monotonic()
    try:
        run = _train(arm, cache=cache, progress=progress)
    except BaseException as stop:
        write_json(arm.facts_path, {_TIME: before + time.monotonic() - started})
        if isinstance(stop, KeyboardInterrupt):
            raise KeyboardInterrupt(
                "What was trained so far is kept; give the same command again to continue."
            ) from None
        raise
    seconds = before + time.monotonic() - started
    cost = measure_cost(run) if arm.seed == 0 else {}  # the others are the same network
    write_json(arm.facts_path, {_TIME: seconds, "epochs": num_epochs(run), **cost})
    keras.backend.clear_session()  # or the graphs of all arms stay in memory


def _train(arm: Arm, *, cache: bool, progress: Progress) -> Run:
    layout = RunLayout(arm.path)
    if layout.is_finished:
        return Run(arm.path)
    if layout.is_started:
        if layout.config.read_text(encoding="utf-8") == dump_config(arm.config):
            return pipeline.resume(arm.path, cache=cache, progress=progress)
        shutil.rmtree(arm.path)
    return pipeline.train(arm.config, output=arm.path, cache=cache, progress=progress)


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found
