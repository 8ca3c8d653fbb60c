"""What the report says about unknown labels: how many, which together, and whether by chance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from kerastl.run.report.charts import heat_map, label_bar
from kerastl.run.report.source import Source

MOST_TASKS = 60  # in the matrix; more would be too small to read


@dataclass(frozen=True, kw_only=True)
class LabelCounts:
    """How the labels of one task divide on one split."""

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
class Predictability:
    """Whether one can tell which labels of a task are known.

    Args:
        task: Name of the task.
        source: What it was told from, in words.
        auc: 0.5 means that being known looks like chance.
        interval: 95 % interval of the AUC, or None.
        reason: Why there is no AUC, or None.
        warns: Whether the interval lies above chance.
    """

    task: str
    source: str
    auc: float
    interval: tuple[float, float] | None
    reason: str | None
    warns: bool


@dataclass(frozen=True, kw_only=True)
class Missing:
    """The section on unknown labels.

    Args:
        unknown: Number of unknown labels in all.
        total: Number of labels, unknown ones included.
        tasks: Name of each task to its counts per split.
        matrix: Which tasks are unknown together, or None where fewer than two have gaps.
        matrix_tasks: Number and name of each row of the matrix.
        matrix_note: Why there is no matrix, or None.
        predictability: What was found about whether being known is chance.
        warnings: What to worry about, in whole sentences.
    """

    unknown: int
    total: int
    tasks: Mapping[str, tuple[LabelCounts, ...]]
    matrix: Markup | None
    matrix_tasks: tuple[tuple[int, str], ...]
    matrix_note: str | None
    predictability: tuple[Predictability, ...]
    warnings: tuple[str, ...]


def gather_missing(source: Source) -> Missing:
    """Gathers the section from the predictions and from `missingness.json`, where it is."""
    labels = source.labels()
    unknown = np.isnan(labels)
    gaps = [i for i in range(len(source.tasks)) if unknown[:, i].any()]
    names = [source.tasks[i] for i in gaps]
    drawn = 2 <= len(gaps) <= MOST_TASKS
    found = source.missingness or {}
    return Missing(
        unknown=int(unknown.sum()),
        total=int(labels.size),
        tasks={task: _counts(source, i) for i, task in enumerate(source.tasks)},
        matrix=heat_map(
            missing_together(unknown[:, gaps]), names, label="Which tasks are unknown together"
        )
        if drawn
        else None,
        matrix_tasks=tuple(enumerate(names, start=1)) if drawn else (),
        matrix_note=f"{len(gaps)} tasks have gaps, too many for a matrix."
        if len(gaps) > MOST_TASKS
        else None,
        predictability=_predictability(found),
        warnings=_warnings(found),
    )


def missing_together(unknown: np.ndarray) -> np.ndarray:
    """Returns, of the rows where task i is unknown, the share where task j is unknown too.

    Args:
        unknown: `(examples, tasks)` of bool.

    Returns:
        `(tasks, tasks)`; NaN in the row of a task that is never unknown.
    """
    together = unknown.T.astype(np.float64) @ unknown.astype(np.float64)
    alone = np.diag(together)[:, None]
    return np.where(alone > 0, together / np.maximum(alone, 1), np.nan)


def _counts(source: Source, index: int) -> tuple[LabelCounts, ...]:
    counts = []
    for part in source.parts:
        column = source.labels(part)[:, index]
        yes, no = int((column == 1).sum()), int((column == 0).sum())
        unknown = len(column) - yes - no
        label = f"{source.tasks[index]} on {part}: {yes} yes, {no} no, {unknown} unknown"
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


def _predictability(found: Mapping[str, Any]) -> tuple[Predictability, ...]:
    return ()


def _warnings(found: Mapping[str, Any]) -> tuple[str, ...]:
    warnings = found.get("warnings", ())
    return tuple(str(w) for w in warnings) if isinstance(warnings, list | tuple) else ()
