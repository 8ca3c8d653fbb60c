"""The content of the report: everything that the template shows."""

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from kerastl.backbones import distributions
from kerastl.backbones.registry import OFFICIAL_FAMILIES
from kerastl.config.policies import ThresholdPolicy
from kerastl.evaluation.score_types import MacroScores, SplitScores
from kerastl.report.charts import interval_row, interval_scale
from kerastl.report.conclusion import Conclusion, conclude, too_few_labels
from kerastl.report.gallery import Gallery, PreviewStore, examples_per_gallery, gather_galleries
from kerastl.report.learning_curves import Learning, gather_learning
from kerastl.report.panels import (
    DescribedScore,
    Panel,
    described_scores,
    interval_note,
    is_calibrated,
    make_panel,
)
from kerastl.report.unknown_labels import UnknownLabels, gather_unknown_labels
from kerastl.run.bundle import Bundle
from kerastl.run.origin import ReadableFiles
from kerastl.run.record import RunRecord
from kerastl.run.warnings import WarningKind, find_warnings, group_warnings

_PINNED = ("kerastl", "keras", "tensorflow", "numpy", "pillow")
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
class TaskSection:
    """The section on one task."""

    index: int  # position of the task, for ids
    name: str
    threshold: float  # on the calibrated scale
    chosen: str  # how the threshold was chosen
    panels: tuple[Panel, ...]  # one per split
    galleries: Mapping[str, tuple[Gallery, ...]]  # of each split


@dataclass(frozen=True, kw_only=True)
class SplitSummary:
    """The summary of one split."""

    name: str
    words: str  # what kind of examples these are
    examples: int
    groups: int | None
    known: int  # labels
    defined: int  # tasks with an AUC
    macro: tuple[DescribedScore, ...]
    note: str | None  # how the intervals were computed, or why there are none
    rows: tuple[Markup | None, ...]  # a chart of each task's AUC, None if undefined
    scale: Markup  # above these charts


@dataclass(frozen=True, kw_only=True)
class Content:
    """The whole report."""

    name: str  # of the run
    path: str  # of the run folder
    bundle: Bundle
    parts: tuple[SplitSummary, ...]  # test, validation, train
    tasks: tuple[TaskSection, ...]
    learning: Learning
    missing: UnknownLabels
    config: str  # as YAML
    commands: tuple[str, ...]  # that repeat the run
    conclusion: Conclusion
    warnings: tuple[WarningKind, ...]


def gather_content(record: RunRecord, files: ReadableFiles) -> Content:
    """Returns the content of the report of a run, which reads only these files of examples."""
    path = record.path.resolve()
    store = PreviewStore(record.bundle.media, files)
    usual = store.usual_characters(record.predictions)
    limits = examples_per_gallery(len(record.tasks), len(record.parts), usual)
    tasks = tuple(_task(record, i, store, limits) for i in range(len(record.tasks)))
    return Content(
        name=path.name,
        path=str(path),
        bundle=record.bundle,
        parts=tuple(_summary(record, i, tasks) for i in range(len(record.parts))),
        tasks=tasks,
        learning=gather_learning(record),
        missing=gather_unknown_labels(record),
        config=record.config_text,
        commands=_commands(record),
        conclusion=conclude(record.tasks, [task.panels[0] for task in tasks], _macro(record)),
        warnings=group_warnings(
            [
                *([] if files.doubt is None else [doubt_warning(record, files.doubt)]),
                *_warnings(record.parts, tasks),
                *_interval_warnings(record.metrics.get(record.parts[0])),
                *record.bundle.evidence.warnings,
                *find_warnings(record.bundle, record.missingness),
            ],
            record.tasks,
        ),
    )


def _macro(record: RunRecord) -> MacroScores | None:
    scores = record.metrics.get(record.parts[0])
    return None if scores is None else scores.macro


def doubt_warning(record: RunRecord, doubt: str) -> str:
    """Returns why the report shows no images or audio, and how to change that."""
    return (
        f"This run may be somebody else's: {doubt}. Its report therefore shows no "
        f"{record.bundle.media.nouns}. If you trust the run, "
        f"`kerastl report {shlex.quote(str(record.path))} --trust` shows them."
    )


def _task(record: RunRecord, index: int, store: PreviewStore, limits: Sequence[int]) -> TaskSection:
    name = record.tasks[index]
    facts = record.bundle.tasks[name]
    return TaskSection(
        index=index,
        name=name,
        threshold=facts.threshold,
        chosen=_how_chosen(record.bundle, name),
        panels=tuple(make_panel(record, index, part) for part in record.parts),
        galleries={
            part: gather_galleries(
                record.rows(part), name, facts.threshold, limit=limit, store=store
            )
            for part, limit in zip(record.parts, limits, strict=True)
        },
    )


def _how_chosen(bundle: Bundle, task: str) -> str:
    facts = bundle.tasks[task]
    policy = ThresholdPolicy.of_bundle(facts.threshold_policy)
    value = "" if policy.value is None else f" {policy.value:g}"
    text = "fixed" if policy.is_fixed else f"{_POLICIES[policy.goal]}{value}"
    if not policy.is_fixed and facts.tuned_on != "nothing":
        source, _, size = facts.tuned_on.partition(", ")
        is_of_clips = not source.endswith("recordings")
        text += f", chosen on {source}" + (" predictions" if is_of_clips else "")
        text += f" ({size})" if size else ""
        text += ", as calibration was" if is_of_clips and is_calibrated(facts) else ""
    return "; ".join(filter(None, [text, *facts.facts.about_new_data(), facts.threshold_note]))


def _summary(record: RunRecord, index: int, tasks: tuple[TaskSection, ...]) -> SplitSummary:
    name = record.parts[index]
    frame, split = record.rows(name), record.metrics.get(name)
    macro = None if split is None else split.macro
    optimism = split.note if split is not None and name == "validation" else None
    panels = [task.panels[index] for task in tasks]
    aucs = [panel.score("auc") for panel in panels]
    ends = [end for a in aucs if a for end in (a.value, *(a.interval or ())) if math.isfinite(end)]
    lowest = 0.5 if min(ends, default=1.0) >= 0.5 else 0.0
    return SplitSummary(
        name=name,
        words=" ".join(filter(None, [_WORDS.get(name), optimism])),
        examples=len(frame),
        groups=int(frame["group"].nunique()) if "group" in frame else None,
        known=sum(panel.known for panel in panels),
        defined=sum(panel.undefined is None for panel in panels),
        macro=described_scores(macro),
        note=None if name == "train" else interval_note(macro),
        rows=tuple(_auc_row(t.name, auc, lowest) for t, auc in zip(tasks, aucs, strict=True)),
        scale=interval_scale(lowest),
    )


def _auc_row(task: str, auc: DescribedScore | None, lowest: float) -> Markup | None:
    if auc is None:
        return None
    label = f"AUC of {task}: {auc.value:.3f}"
    if auc.interval is not None:
        label += f", interval {auc.interval[0]:.3f} to {auc.interval[1]:.3f}"
    return interval_row(auc.value, auc.interval, lowest=lowest, label=label)


def _warnings(parts: tuple[str, ...], tasks: tuple[TaskSection, ...]) -> Iterator[str]:
    if "test" not in parts:
        yield (
            f"There is no test split. The scores shown first are on {parts[0]}, which was used "
            "for training or for choosing thresholds."
        )
    for task in tasks:
        panel = task.panels[0]
        loss = panel.score("log_loss")
        if too_few_labels(panel) is None and loss and loss.value >= panel.base_rate_loss:
            yield (
                f"{task.name}: on {panel.part} the log loss is no lower than if every probability "
                f"were the share of yes ({loss.value:.3f}, {panel.base_rate_loss:.3f})."
            )


def _interval_warnings(scores: SplitScores | None) -> Iterator[str]:
    for task, found in scores.tasks.items() if scores is not None else ():
        if found.intervals.reason and found.positives not in (0, found.known):
            yield f"{task}: {found.intervals.reason}."


def _commands(record: RunRecord) -> tuple[str, ...]:
    bundle = record.bundle
    pinned = {name: bundle.versions[name] for name in _PINNED if name in bundle.versions}
    known = {*distributions(), *OFFICIAL_FAMILIES.values()}  # a stranger may name any package
    plugins = {name: version for name, version in bundle.plugins.items() if name in known}
    packages = [f"{name}=={version}" for name, version in {**plugins, **pinned}.items()]
    config = record.layout.config.resolve()
    again = f"{record.path.resolve().name}-again"
    return (
        f"pip install {shlex.join(packages)}",
        f"kerastl train {shlex.quote(str(config))} --output {shlex.quote(again)}",
    )
