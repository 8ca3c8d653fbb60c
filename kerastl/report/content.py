"""The content of the report: everything that the template shows."""

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup

from kerastl.backbones import distributions
from kerastl.backbones.registry import OFFICIAL_FAMILIES
from kerastl.config.policies import ThresholdPolicy
from kerastl.evaluation.score_types import SplitScores
from kerastl.media.cuts import stored_cuts
from kerastl.report.charts import interval_row, interval_scale
from kerastl.report.conclusion import Conclusion, conclude, too_few_labels
from kerastl.report.curves import LogitScale
from kerastl.report.gallery import Gallery, PreviewStore, examples_per_gallery, gather_galleries
from kerastl.report.learning_curves import Learning, gather_learning
from kerastl.report.panels import (
    DescribedScore,
    Panel,
    Split,
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
    doubts: tuple[WarningKind, ...]  # about whose run it is
    warnings_of_model: tuple[WarningKind, ...]

    @property
    def warnings(self) -> tuple[WarningKind, ...]:
        """All warnings."""
        return *self.doubts, *self.warnings_of_model


def gather_content(record: RunRecord, files: ReadableFiles) -> Content:
    """Returns the content of the report of a run, which reads only these files of examples."""
    path, bundle, tasks = record.path.resolve(), record.bundle, record.bundle.task_names
    splits = [_split(record, name) for name in record.parts]
    missingness, doubt = record.missingness, files.doubt
    about_doubt = [] if doubt is None else [doubt_warning(record, doubt)]
    learning = gather_learning(record.history, bundle)
    config, commands = record.config_text, _commands(bundle, path, record.layout.config.resolve())
    store = PreviewStore(bundle.media, files)
    usual = store.usual_characters([place for split in splits for place in split.places])
    limits = examples_per_gallery(len(tasks), len(splits), usual)
    sections = tuple(_task(bundle, i, splits, store, limits) for i in range(len(tasks)))
    macro = None if splits[0].scores is None else splits[0].scores.macro
    return Content(
        name=path.name,
        path=str(path),
        bundle=bundle,
        parts=tuple(_summary(split, i, sections) for i, split in enumerate(splits)),
        tasks=sections,
        learning=learning,
        missing=gather_unknown_labels(
            tasks, {split.name: split.labels(tasks) for split in splits}, missingness
        ),
        config=config,
        commands=commands,
        conclusion=conclude(tasks, [section.panels[0] for section in sections], macro),
        doubts=group_warnings(about_doubt, tasks),
        warnings_of_model=group_warnings(
            [
                *_warnings([split.name for split in splits], sections),
                *_interval_warnings(splits[0].scores),
                *bundle.evidence.warnings,
                *find_warnings(bundle, missingness),
            ],
            tasks,
        ),
    )


def _split(record: RunRecord, name: str) -> Split:
    rows = record.rows(name)
    cuts = stored_cuts(rows, record.bundle.media)
    places = list(zip(rows["path"].map(str), cuts, strict=True))
    return Split(name=name, rows=rows, places=places, scores=record.metrics.get(name))


def doubt_warning(record: RunRecord, doubt: str) -> str:
    """Returns why the report shows no images or audio, and how to change that."""
    return (
        f"This run may be somebody else's: {doubt}. Its report therefore shows no "
        f"{record.bundle.media.nouns}. If you trust the run, "
        f"`kerastl report {shlex.quote(str(record.path))} --trust` shows them."
    )


def _task(
    bundle: Bundle, index: int, splits: Sequence[Split], store: PreviewStore, limits: Sequence[int]
) -> TaskSection:
    name = bundle.task_names[index]
    facts = bundle.tasks[name]
    threshold = facts.threshold
    scale = LogitScale.of(
        np.concatenate([split.probabilities(name) for split in splits]), threshold
    )
    return TaskSection(
        index=index,
        name=name,
        threshold=threshold,
        chosen=_how_chosen(bundle, name),
        panels=tuple(make_panel(name, index, facts, split, scale) for split in splits),
        galleries={
            split.name: gather_galleries(split, name, threshold, limit=limit, store=store)
            for split, limit in zip(splits, limits, strict=True)
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


def _summary(split: Split, index: int, tasks: tuple[TaskSection, ...]) -> SplitSummary:
    name, frame = split.name, split.rows
    macro = None if split.scores is None else split.scores.macro
    optimism = split.scores.note if split.scores is not None and name == "validation" else None
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


def _warnings(parts: Sequence[str], tasks: tuple[TaskSection, ...]) -> Iterator[str]:
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


def _commands(bundle: Bundle, folder: Path, config: Path) -> tuple[str, ...]:
    pinned = {name: bundle.versions[name] for name in _PINNED if name in bundle.versions}
    known = {*distributions(), *OFFICIAL_FAMILIES.values()}  # a stranger may name any package
    plugins = {name: version for name, version in bundle.plugins.items() if name in known}
    packages = [f"{name}=={version}" for name, version in {**plugins, **pinned}.items()]
    again = f"{folder.name}-again"
    return (
        f"pip install {shlex.join(packages)}",
        f"kerastl train {shlex.quote(str(config))} --output {shlex.quote(again)}",
    )
