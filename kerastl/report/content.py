"""The content of the report: everything that the template shows."""

import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from kerastl.config.policies import ThresholdPolicy
from kerastl.report.charts import interval_row, interval_scale
from kerastl.report.gallery import Gallery, gather_galleries, limits_for
from kerastl.report.learning import Learning, gather_learning
from kerastl.report.media import BUDGET, PreviewStore
from kerastl.report.panels import (
    Figure,
    Panel,
    figures_of,
    interval_note,
    is_calibrated,
    make_panel,
)
from kerastl.report.unknown_labels import UnknownLabels, gather_unknown_labels
from kerastl.run.bundle import Bundle
from kerastl.run.record import RunRecord

_PINNED = ("kerastl", "keras", "tensorflow", "numpy", "pillow")
FEW = 10  # known labels of a class below which a task gets a warning
_WORDS = {
    "test": "Examples that were used neither for training nor for choosing anything.",
    "validation": "Examples that were held out from training.",
    "train": "Examples that the model was trained on; the scores say nothing about new examples.",
}
_POLICIES = {
    "youden": "maximizes sensitivity + specificity",
    "f1": "maximizes F1",
    "sensitivity": "the highest with a sensitivity of at least",
    "specificity": "the lowest with a specificity of at least",
    "precision": "the lowest with a precision of at least",
    "false_accepts_per_hour": "the fewest misses with false accepts per hour of at most",
}


@dataclass(frozen=True, kw_only=True)
class Task:
    """One task of the report.

    Args:
        index: Position of the task, for ids.
        name: Name of the task.
        threshold: Threshold of the run, on the calibrated scale.
        chosen: How the threshold was chosen, in words.
        panels: The panel of the task on each split.
        galleries: Mistakes and uncertain examples.
    """

    index: int
    name: str
    threshold: float
    chosen: str
    panels: tuple[Panel, ...]
    galleries: tuple[Gallery, ...]


@dataclass(frozen=True, kw_only=True)
class Part:
    """One split of the report.

    Args:
        name: `test`, `validation` or `train`.
        words: What kind of examples these are.
        examples: Number of rows.
        groups: Number of groups, or None.
        known: Number of known labels.
        defined: Number of tasks with an AUC.
        macro: Macro scores.
        note: How the intervals were computed, or why there are none.
        rows: Chart of each task's AUC, None if undefined.
        scale: The scale above these charts.
    """

    name: str
    words: str
    examples: int
    groups: int | None
    known: int
    defined: int
    macro: tuple[Figure, ...]
    note: str | None
    rows: tuple[Markup | None, ...]
    scale: Markup


@dataclass(frozen=True, kw_only=True)
class Content:
    """The whole report.

    Args:
        name: Name of the run.
        path: Absolute path of the run folder.
        bundle: Bundle of the run.
        parts: The splits: test, validation, train.
        tasks: The tasks.
        gallery_part: The split that the galleries show.
        learning: Learning curves, or strengths of the exact head.
        missing: Unknown labels.
        config: The config as YAML.
        commands: Shell commands that repeat the run.
        warnings: Warnings in whole sentences.
    """

    name: str
    path: str
    bundle: Bundle
    parts: tuple[Part, ...]
    tasks: tuple[Task, ...]
    gallery_part: str
    learning: Learning
    missing: UnknownLabels
    config: str
    commands: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def sliders(self) -> Mapping[str, Any]:
        """Panel id to counts, for the script of the page."""
        return {panel.id: panel.slider for task in self.tasks for panel in task.panels}


def gather_content(record: RunRecord) -> Content:
    """Returns the content of the report of a run."""
    media = PreviewStore(record.bundle.media)
    limits = limits_for(len(record.tasks), record.bundle.media, BUDGET)
    tasks = tuple(_task(record, i, limits, media) for i in range(len(record.tasks)))
    parts = tuple(_part(record, name, tasks) for name in record.parts)
    missing = gather_unknown_labels(record)
    return Content(
        name=record.path.resolve().name,
        path=str(record.path.resolve()),
        bundle=record.bundle,
        parts=parts,
        tasks=tasks,
        gallery_part=record.parts[0],
        learning=gather_learning(record),
        missing=missing,
        config=record.config_text,
        commands=_commands(record),
        warnings=(*_warnings(record.parts, tasks), *missing.warnings),
    )


def _task(record: RunRecord, index: int, limits: tuple[int, int], media: PreviewStore) -> Task:
    name = record.tasks[index]
    facts = record.bundle.tasks[name]
    return Task(
        index=index,
        name=name,
        threshold=facts.threshold,
        chosen=_how_chosen(record.bundle, name),
        panels=tuple(make_panel(record, index, part) for part in record.parts),
        galleries=gather_galleries(
            record.rows(record.parts[0]), name, facts.threshold, limits=limits, media=media
        ),
    )


def _how_chosen(bundle: Bundle, task: str) -> str:
    facts = bundle.tasks[task]
    policy = ThresholdPolicy.of_bundle(facts.threshold_policy)
    value = "" if policy.value is None else f" {policy.value:g}"
    said = "fixed" if policy.is_fixed else f"{_POLICIES[policy.goal]}{value}"
    if not policy.is_fixed and facts.tuned_on != "nothing":
        source, _, size = facts.tuned_on.partition(", ")
        is_of_clips = not source.endswith("recordings")
        said += f", chosen on {source}" + (" predictions" if is_of_clips else "")
        said += f" ({size})" if size else ""
        said += ", as calibration was" if is_of_clips and is_calibrated(facts) else ""
    return f"{said}; {facts.threshold_note}" if facts.threshold_note else said


def _part(record: RunRecord, name: str, tasks: tuple[Task, ...]) -> Part:
    frame, split = record.rows(name), record.metrics.get(name)
    macro = None if split is None else split.macro
    panels = [next(p for p in task.panels if p.part == name) for task in tasks]
    aucs = [_figure(panel, "auc") for panel in panels]
    ends = [end for f in aucs if f for end in (f.value, *(f.interval or ())) if math.isfinite(end)]
    lowest = 0.5 if min(ends, default=1.0) >= 0.5 else 0.0
    return Part(
        name=name,
        words=" ".join(filter(None, [_WORDS.get(name, ""), _optimism(record, name)])),
        examples=len(frame),
        groups=int(frame["group"].nunique()) if "group" in frame else None,
        known=sum(panel.known for panel in panels),
        defined=sum(panel.undefined is None for panel in panels),
        macro=figures_of(macro),
        note=None if name == "train" else interval_note(macro),
        rows=tuple(
            _row(task.name, figure, lowest) for task, figure in zip(tasks, aucs, strict=True)
        ),
        scale=interval_scale(lowest),
    )


def _optimism(record: RunRecord, part: str) -> str | None:
    """Returns why scores on the validation split are optimistic, or None."""
    scores = record.metrics.get(part)
    return scores.note if scores is not None and part == "validation" else None


def _figure(panel: Panel, name: str) -> Figure | None:
    return next((figure for figure in panel.figures if figure.name == name), None)


def _row(task: str, figure: Figure | None, lowest: float) -> Markup | None:
    if figure is None or math.isnan(figure.value):
        return None
    said = f"AUC of {task}: {figure.value:.3f}"
    if figure.interval is not None:
        said += f", interval {figure.interval[0]:.3f} to {figure.interval[1]:.3f}"
    return interval_row(figure.value, figure.interval, lowest=lowest, label=said)


def _warnings(parts: tuple[str, ...], tasks: tuple[Task, ...]) -> tuple[str, ...]:
    found = []
    if "test" not in parts:
        found.append(
            f"There is no test split. The scores shown first are on {parts[0]}, which was used "
            "for training or for choosing thresholds."
        )
    for task in tasks:
        panel = task.panels[0]
        if panel.undefined is not None:
            found.append(f"{task.name} cannot be ranked on {panel.part}: {panel.undefined}.")
        elif min(panel.positives, panel.known - panel.positives) < FEW:
            rare = min(panel.positives, panel.known - panel.positives)
            kind = "yes" if panel.positives == rare else "no"
            found.append(
                f"The scores of {task.name} on {panel.part} are based on only {rare} known {kind}."
            )
    return tuple(found)


def _commands(record: RunRecord) -> tuple[str, ...]:
    bundle = record.bundle
    pinned = {name: bundle.versions[name] for name in _PINNED if name in bundle.versions}
    packages = [f"{name}=={version}" for name, version in {**bundle.plugins, **pinned}.items()]
    config = record.layout.config.resolve()
    again = f"{record.path.resolve().name}-again"
    return (
        f"pip install {' '.join(packages)}",
        f"kerastl train {shlex.quote(str(config))} --output {shlex.quote(again)}",
    )
