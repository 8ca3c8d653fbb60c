"""Unknown labels in the report: how many, which together, and whether at random."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from kerastl.evaluation.adjusted_counting import ALL_KNOWN, PositiveShare
from kerastl.evaluation.missingness import KnownGroups, MissingnessReport
from kerastl.records import from_values
from kerastl.report.charts import heat_map, label_bar

MOST_TASKS = 60  # in the matrix; more would be too small to read


@dataclass(frozen=True, kw_only=True)
class LabelCounts:
    """Counts of the labels of one task on one split."""

    yes: int
    no: int
    unknown: int
    bar: Markup

    @property
    def share_unknown(self) -> float:
        """In [0, 1]; 0 for a split without rows."""
        return self.unknown / max(self.yes + self.no + self.unknown, 1)


@dataclass(frozen=True, kw_only=True)
class UnknownLabels:
    """The section on unknown labels; mappings are by task."""

    unknown: int
    total: int
    tasks: Mapping[str, tuple[LabelCounts, ...]]  # per split
    groups: Mapping[str, KnownGroups]  # empty without groups or unknown labels
    uncertain: Mapping[str, int]  # number of uncertain cells
    matrix: Markup | None  # which tasks are unknown together
    matrix_tasks: tuple[str, ...]
    matrix_note: str | None  # why there is no matrix
    positives: Mapping[str, PositiveShare]  # of tasks with unknown labels
    examined_on: str  # the predictions that these shares were estimated from
    warnings: tuple[str, ...]


def gather_unknown_labels(
    tasks: Sequence[str], labels: Mapping[str, np.ndarray], examined: MissingnessReport | None
) -> UnknownLabels:
    """Returns the section.

    Args:
        tasks: Names of the tasks.
        labels: Name of each split to its labels, `(examples, tasks)`, NaN where unknown.
        examined: Analysis of the unknown labels, if the run has one.
    """
    unknown = np.isnan(np.concatenate(list(labels.values())))
    gaps = np.flatnonzero(unknown.any(axis=0))
    drawn = 2 <= len(gaps) <= MOST_TASKS
    names = tuple(tasks[i] for i in gaps.tolist()) if drawn else ()
    found = examined or from_values(MissingnessReport, {})
    return UnknownLabels(
        unknown=int(unknown.sum()),
        total=unknown.size,
        tasks={task: _counts(task, i, labels) for i, task in enumerate(tasks)},
        matrix=heat_map(
            missing_together(unknown[:, gaps]), names, label="Which tasks are unknown together"
        )
        if drawn
        else None,
        matrix_tasks=names,
        matrix_note=f"{len(gaps)} tasks have unknown labels, too many for a matrix."
        if len(gaps) > MOST_TASKS
        else None,
        groups=found.groups.tasks if found.groups is not None and unknown.any() else {},
        uncertain={task: count for task, count in found.uncertain.items() if count},
        positives={task: one for task, one in found.positives.items() if one.reason != ALL_KNOWN},
        examined_on=found.examined_on,
        warnings=found.warnings,
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


def _counts(task: str, index: int, labels: Mapping[str, np.ndarray]) -> tuple[LabelCounts, ...]:
    counts = []
    for part, values in labels.items():
        column = values[:, index]
        yes, no = int((column == 1).sum()), int((column == 0).sum())
        unknown = len(column) - yes - no
        label = f"{task} on {part}: {yes} yes, {no} no, {unknown} unknown"
        bar = label_bar(yes, no, unknown, label=label)
        counts.append(LabelCounts(yes=yes, no=no, unknown=unknown, bar=bar))
    return tuple(counts)
