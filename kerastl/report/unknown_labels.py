"""Unknown labels in the report: how many, which together, and whether at random."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from kerastl.report.charts import heat_map, label_bar
from kerastl.report.panels import interval_of, number
from kerastl.run.record import RunRecord

_ALL_KNOWN = "every label is known"
MOST_TASKS = 60  # in the matrix; more would be too small to read


@dataclass(frozen=True, kw_only=True)
class LabelCounts:
    """Counts of the labels of one task on one split."""

    part: str
    yes: int
    no: int
    unknown: int
    bar: Markup

    @property
    def share_unknown(self) -> float:
        """In [0, 1]; 0 for a split without rows."""
        return self.unknown / max(self.yes + self.no + self.unknown, 1)


@dataclass(frozen=True, kw_only=True)
class PredictabilityScore:
    """How well one source predicts which labels of a task are known.

    Args:
        words: Name of the source.
        auc: AUC; 0.5 is chance, NaN if undefined.
        interval: 95 % interval of the AUC, or None.
        reason: Why there is no AUC, or None.
    """

    words: str
    auc: float
    interval: tuple[float, float] | None
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class Predictability:
    """How well one can predict which labels of a task are known.

    Args:
        task: Name of the task.
        sources: The score of each source.
        mean_known: Mean probability of examples with a known label; NaN if there are none.
        mean_unknown: The same for examples with an unknown label.
    """

    task: str
    sources: tuple[PredictabilityScore, ...]
    mean_known: float
    mean_unknown: float


@dataclass(frozen=True, kw_only=True)
class UnknownLabels:
    """The section on unknown labels.

    Args:
        unknown: Number of unknown labels in all.
        total: Number of labels, unknown ones included.
        tasks: Name of each task to its counts per split.
        groups: Name of each task to the number of groups whose labels are all, partly and never
            known; empty without groups or unknown labels.
        uncertain: Name of each task with uncertain cells to their number.
        matrix: Which tasks are unknown together, or None if fewer than two have unknown labels.
        matrix_tasks: Number and name of each row of the matrix.
        matrix_note: Why there is no matrix, or None.
        predictability: How well one can predict which labels are known.
        examined_on: The predictions that this is based on, or None.
        warnings: Warnings in whole sentences.
    """

    unknown: int
    total: int
    tasks: Mapping[str, tuple[LabelCounts, ...]]
    groups: Mapping[str, tuple[int, int, int]]
    uncertain: Mapping[str, int]
    matrix: Markup | None
    matrix_tasks: tuple[tuple[int, str], ...]
    matrix_note: str | None
    predictability: tuple[Predictability, ...]
    examined_on: str | None
    warnings: tuple[str, ...]


def gather_unknown_labels(record: RunRecord) -> UnknownLabels:
    """Returns the section from the predictions and from `missingness.json`, if it exists."""
    labels = record.labels()
    unknown = np.isnan(labels)
    gaps = [i for i in range(len(record.tasks)) if unknown[:, i].any()]
    names = [record.tasks[i] for i in gaps]
    drawn = 2 <= len(gaps) <= MOST_TASKS
    found = record.missingness
    return UnknownLabels(
        unknown=int(unknown.sum()),
        total=int(labels.size),
        tasks={task: _counts(record, i) for i, task in enumerate(record.tasks)},
        matrix=heat_map(
            missing_together(unknown[:, gaps]), names, label="Which tasks are unknown together"
        )
        if drawn
        else None,
        matrix_tasks=tuple(enumerate(names, start=1)) if drawn else (),
        matrix_note=f"{len(gaps)} tasks have unknown labels, too many for a matrix."
        if len(gaps) > MOST_TASKS
        else None,
        groups=_groups(found) if unknown.any() else {},
        uncertain={t: int(n) for t, n in (found.get("uncertain") or {}).items() if n},
        predictability=tuple(_predictability(record, found)),
        examined_on=found.get("examined_on"),
        warnings=tuple(str(sentence) for sentence in found.get("warnings") or ()),
    )


def missing_together(unknown: np.ndarray) -> np.ndarray:
    """Returns the share of rows with task j unknown among those with task i unknown.

    Args:
        unknown: `(examples, tasks)` of bool.

    Returns:
        `(tasks, tasks)`; NaN in the row of a task that is never unknown.
    """
    together = unknown.T.astype(np.float64) @ unknown.astype(np.float64)
    alone = np.diag(together)[:, None]
    return np.where(alone > 0, together / np.maximum(alone, 1), np.nan)


def _counts(record: RunRecord, index: int) -> tuple[LabelCounts, ...]:
    counts = []
    for part in record.parts:
        column = record.labels(part)[:, index]
        yes, no = int((column == 1).sum()), int((column == 0).sum())
        unknown = len(column) - yes - no
        label = f"{record.tasks[index]} on {part}: {yes} yes, {no} no, {unknown} unknown"
        counts.append(
            LabelCounts(
                part=part,
                yes=yes,
                no=no,
                unknown=unknown,
                bar=label_bar(yes, no, unknown, label=label),
            )
        )
    return tuple(counts)


def _groups(found: Mapping[str, Any]) -> dict[str, tuple[int, int, int]]:
    tasks = (found.get("groups") or {}).get("tasks") or {}
    names = ("all_known", "some_known", "none_known")
    return {
        str(t): (int(n[names[0]]), int(n[names[1]]), int(n[names[2]])) for t, n in tasks.items()
    }


def _predictability(record: RunRecord, found: Mapping[str, Any]) -> Iterator[Predictability]:
    """Yields the tasks with unknown labels that could be examined."""
    things = "images" if record.bundle.input.modality == "image" else "audio clips"
    words = {"input": f"the {things}", "other_labels": "the other labels"}
    for task, one in (found.get("predictability") or {}).items():
        told = tuple(_told(text, one[name]) for name, text in words.items() if one.get(name))
        if any(item.reason != _ALL_KNOWN for item in told):
            yield Predictability(
                task=str(task),
                sources=told,
                mean_known=number(one.get("mean_probability_known")),
                mean_unknown=number(one.get("mean_probability_unknown")),
            )


def _told(words: str, found: Mapping[str, Any]) -> PredictabilityScore:
    reason = found.get("reason")
    return PredictabilityScore(
        words=words,
        auc=number(found.get("auc")),
        interval=interval_of(found, "auc"),
        reason=None if reason is None else str(reason),
    )
