"""Summaries of runs, read without NumPy, pandas or Keras.

Convention: a run that cannot be read has a summary too, with the problem.
"""

import datetime
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerastl.config.loader import read_config
from kerastl.errors import KerastlError, RunError
from kerastl.run.layout import RunLayout, refuse_links
from kerastl.run.lock import is_in_training
from kerastl_runtime.files import read_json

_UNREADABLE = (
    OSError,
    ArithmeticError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    StopIteration,
)
FINISHED, INTERRUPTED, BROKEN = "finished", "interrupted", "broken"
IN_TRAINING = "in training"


@dataclass(frozen=True)
class RunSummary:
    """What a run is, how far it is, and how good.

    `split` is the split of the scores; `auc_interval` is the interval of the macro AUC.
    """

    path: Path
    state: str
    created: datetime.datetime
    backbone: str | None = None
    trainable: Any = None
    split: str | None = None
    auc: float | None = None
    auc_interval: tuple[float, float] | None = None
    report: Path | None = None
    problem: str | None = None


def list_runs(folder: Path) -> list[RunSummary]:
    """Returns the runs in a folder, or the run that it is, newest first.

    If there are none, those in its folders.

    Raises:
        RunError: There is no such folder.
    """
    if not folder.is_dir():
        raise RunError(
            f"There is no folder '{folder}'.",
            expected="a folder with runs, as `kerastl train` writes them",
            fix="Give the folder of your runs: kerastl runs FOLDER.",
        )
    inside = _folders_in(folder)
    found = _runs([folder, *inside]) or _runs([path for one in inside for path in _folders_in(one)])
    return sorted(map(_summary, found), key=lambda run: run.created, reverse=True)


def _folders_in(folder: Path) -> list[Path]:
    try:
        return [path for path in sorted(folder.iterdir()) if path.is_dir()]
    except OSError:
        return []


def _runs(folders: Sequence[Path]) -> list[RunLayout]:
    layouts = [RunLayout(path) for path in folders if os.access(path, os.X_OK)]
    return [one for one in layouts if one.is_started or one.is_finished]


def _summary(layout: RunLayout) -> RunSummary:
    state = FINISHED if layout.is_complete else INTERRUPTED
    if state == INTERRUPTED and is_in_training(layout):
        state = IN_TRAINING
    started = layout.config if layout.is_started else layout.bundle
    created = datetime.datetime.fromtimestamp(started.stat().st_mtime, datetime.UTC)
    summary = RunSummary(path=layout.folder, state=state, created=created)
    try:
        refuse_links(layout)
        values = {**vars(summary), **_settings(layout)}
        if layout.is_finished:
            values |= _results(layout)
    except KerastlError as error:
        return RunSummary(layout.folder, BROKEN, created, problem=error.what)
    return RunSummary(**values)


def _settings(layout: RunLayout) -> dict[str, Any]:
    """Returns the fields that the config of a run tells; a finished run may lack it."""
    if not layout.is_started:
        return {}
    values = read_config(layout.config)["values"]
    backbone = values.get("backbone")
    name = backbone.get("name") if isinstance(backbone, Mapping) else backbone
    return {"backbone": str(name), "trainable": values.get("trainable", False)}


def _results(layout: RunLayout) -> dict[str, Any]:
    """Returns the fields that the bundle and the scores of a run tell."""
    try:
        path = layout.bundle
        bundle = read_json(path)
        created = datetime.datetime.fromisoformat(bundle["created"]).astimezone(datetime.UTC)
        backbone = str(bundle["backbone"]["id"])
        path = layout.metrics
        scores = read_json(path)
        split = "test" if "test" in scores else next(iter(scores))
        macro = scores[split]["macro"]
        auc, interval = macro.get("auc"), macro.get("auc_interval")
        return {
            "created": created,
            "backbone": backbone,
            "split": split,
            "auc": None if auc is None else float(auc),
            "auc_interval": None if interval is None else (float(interval[0]), float(interval[1])),
            "report": layout.report if layout.report.is_file() else None,
        }
    except _UNREADABLE:
        raise RunError(f"The run file '{path.name}' cannot be read.", where=str(path)) from None
