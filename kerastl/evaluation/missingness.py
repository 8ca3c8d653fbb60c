"""A report on unknown labels: how many, which together, and whether they are missing at random.

Convention: labels that are missing at random can be left out without bias. They are not if the
share of positives among known labels differs from that among unknown ones.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import scipy.special

from kerastl.data.tables.examples import PARTS
from kerastl.evaluation.adjusted_counting import (
    ALL_KNOWN,
    FEW_UNKNOWN,
    PositiveShare,
    estimate_shares,
)
from kerastl.evaluation.held_out import HeldOutPredictions
from kerastl.evaluation.intervals import Bootstrap


@dataclass(frozen=True, kw_only=True)
class LabelCounts:
    """Labels of one task in one split."""

    examples: int
    known: int
    unknown: int
    positives: int
    share_unknown: float  # in [0, 1], NaN without examples


@dataclass(frozen=True, kw_only=True)
class KnownGroups:
    """Number of groups by how many of their labels of one task are known."""

    all_known: int
    some_known: int
    none_known: int


@dataclass(frozen=True, kw_only=True)
class GroupCounts:
    """Number of groups, and for each task how many of their labels are known."""

    count: int
    tasks: Mapping[str, KnownGroups]


@dataclass(frozen=True, kw_only=True)
class JointMissingness:
    """Which training labels are unknown together; the tasks name rows and columns."""

    tasks: tuple[str, ...]
    unknown_in_both: tuple[tuple[int, ...], ...]  # number of training examples
    correlation: tuple[tuple[float, ...], ...]  # NaN if a task is always or never unknown


@dataclass(frozen=True, kw_only=True)
class MissingnessReport:
    """Everything in `missingness.json`; mappings are by task."""

    tasks: Mapping[str, Mapping[str, LabelCounts]]  # of each split
    groups: GroupCounts | None
    together: JointMissingness
    examined_on: str  # source of the predictions
    positives: Mapping[str, PositiveShare]  # estimated from these predictions
    warnings: tuple[str, ...]  # whole sentences
    uncertain: Mapping[str, int]  # number of uncertain cells


def examine_missingness(
    labels: np.ndarray,
    parts: np.ndarray,
    tasks: Sequence[str],
    *,
    bootstrap: Bootstrap,
    held_out: HeldOutPredictions,
    groups: np.ndarray | None = None,
    uncertain: Mapping[str, int] | None = None,
    inputs: str = "images",
) -> MissingnessReport:
    """Returns counts, what is missing together, estimated shares of positives, and warnings.

    Labels are `(examples, tasks)` as used in training, NaN where unknown; `parts` is the split of
    each example, `uncertain` the number of uncertain cells of each task. The held-out predictions
    are calibrated. `inputs` is the plural noun of the inputs, for the warnings.
    """
    shares = estimate_shares(
        held_out.labels,
        scipy.special.expit(held_out.logits),
        replace(bootstrap, groups=np.asarray(bootstrap.groups)[held_out.rows]),
    )
    positives = dict(zip(tasks, shares, strict=True))
    return MissingnessReport(
        tasks={task: _counts(labels[:, i], parts) for i, task in enumerate(tasks)},
        groups=None if groups is None else _groups(labels, tasks, groups),
        together=_together(labels[parts == "train"], tasks),
        examined_on=f"{held_out.source} predictions",
        positives=positives,
        warnings=tuple(_warnings(positives, inputs)),
        uncertain=dict(uncertain or {}),
    )


def _counts(labels: np.ndarray, parts: np.ndarray) -> dict[str, LabelCounts]:
    counts = {}
    for part in PARTS:
        inside = labels[parts == part]
        known = int((~np.isnan(inside)).sum())
        counts[part] = LabelCounts(
            examples=len(inside),
            known=known,
            unknown=len(inside) - known,
            positives=int((inside >= 0.5).sum()),
            share_unknown=1 - known / len(inside) if len(inside) else float("nan"),
        )
    return counts


def _groups(labels: np.ndarray, tasks: Sequence[str], groups: np.ndarray) -> GroupCounts:
    names = np.asarray(groups, dtype=str)
    known = pd.DataFrame(~np.isnan(labels), columns=list(tasks)).groupby(names)
    some, every = known.any(), known.all()
    return GroupCounts(
        count=len(some),
        tasks={
            task: KnownGroups(
                all_known=int(every[task].sum()),
                some_known=int((some[task] & ~every[task]).sum()),
                none_known=int((~some[task]).sum()),
            )
            for task in tasks
        },
    )


def _together(labels: np.ndarray, tasks: Sequence[str]) -> JointMissingness:
    unknown = np.isnan(labels).astype(np.float64)
    centered = unknown - unknown.sum(axis=0) / max(len(unknown), 1)
    spread = np.sqrt((centered**2).sum(axis=0))
    scale = np.outer(spread, spread)
    correlation = np.full(scale.shape, np.nan)
    np.divide(centered.T @ centered, scale, out=correlation, where=scale > 0)
    both = (unknown.T @ unknown).astype(int)
    return JointMissingness(
        tasks=tuple(tasks),
        unknown_in_both=tuple(map(tuple, both.tolist())),
        correlation=tuple(map(tuple, np.clip(correlation, -1, 1).tolist())),
    )


def _warnings(positives: Mapping[str, PositiveShare], inputs: str) -> Iterator[str]:
    for task, one in positives.items():
        if one.differs and one.among_all_interval is not None:
            low, high = map(_percent, one.among_all_interval)
            effect = "high" if one.among_known > one.among_all else "low"
            yield (
                f"{task}: labels are not missing at random: {_percent(one.among_known)} of the "
                f"known labels are positive, but an estimated {_percent(one.among_all)} ({low} to "
                f"{high}, 99 % interval) of all {inputs}. Probabilities are probably too {effect}."
            )
    tasks_of: dict[str, list[str]] = {}
    for task, one in positives.items():
        if one.reason not in (None, ALL_KNOWN, FEW_UNKNOWN):
            tasks_of.setdefault(str(one.reason), []).append(task)
    for reason, tasks in tasks_of.items():
        listed = ", ".join(tasks)
        yield f"It is unknown whether labels are missing at random for {listed} ({reason})."


def _percent(share: float) -> str:
    return f"{100 * share:.{1 if share < 0.1 else 0}f} %"
