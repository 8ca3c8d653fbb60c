"""A report on unknown labels: how many, which together, and whether they are missing by chance.

Convention: labels that are missing by chance can be left out without bias. If the input or the
other labels predict whether a label is known, it is not missing by chance, and the difference
between the mean probability with and without a label shows the direction of the bias.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.special

from kerastl.data.tables.examples import PARTS
from kerastl.evaluation.held_out import HeldOutPredictions
from kerastl.evaluation.intervals import Bootstrap
from kerastl.evaluation.means import mean_of_defined
from kerastl.evaluation.predictability import (
    Dependence,
    draw_examples,
    principal_components,
    values_of_others,
    whether_known,
)

# Lower end of the interval above which a warning is given. 0.5 is chance; below 0.55 a dependence
# is too weak to move a prevalence by more than a few percent of itself.
WORRYING_AUC = 0.55
CLEAR_DIFFERENCE = 0.02  # of the mean probabilities


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
class Predictability:
    """Whether one can predict which labels of a task are known."""

    input: Dependence  # on the model's logits and the features of the inputs
    other_labels: Dependence  # on the labels of the other tasks
    mean_probability_known: float  # mean prediction of the examples with a known label
    mean_probability_unknown: float


@dataclass(frozen=True, kw_only=True)
class MissingnessReport:
    """Everything in `missingness.json`; mappings are by task."""

    tasks: Mapping[str, Mapping[str, LabelCounts]]  # of each split
    groups: GroupCounts | None
    together: JointMissingness
    examined_on: str | None  # source of the predictions
    predictability: Mapping[str, Predictability]  # empty without predictions
    warnings: tuple[str, ...]  # whole sentences
    uncertain: Mapping[str, int]  # number of uncertain cells


def examine_missingness(
    labels: np.ndarray,
    parts: np.ndarray,
    tasks: Sequence[str],
    *,
    bootstrap: Bootstrap,
    groups: np.ndarray | None = None,
    held_out: HeldOutPredictions | None = None,
    features: np.ndarray | None = None,
    uncertain: Mapping[str, int] | None = None,
    inputs: str = "images",
) -> MissingnessReport:
    """Returns counts, what is missing together, what predicts known labels, and warnings.

    Args:
        labels: `(examples, tasks)` as used in training, NaN where unknown.
        parts: Split of each example.
        tasks: Names of the columns.
        bootstrap: How intervals are computed, for all examples.
        groups: Group of each example, or None.
        held_out: Calibrated predictions; None leaves out what depends on them.
        features: Features of all inputs, `(examples, feature_dim)`, or None.
        uncertain: Number of uncertain cells of each task.
        inputs: Plural noun of the inputs, for the warnings.
    """
    found = {}
    if held_out is not None:
        found = _predictability(labels, tasks, bootstrap, groups, held_out, features)
    warnings = [_warning(task, one, inputs) for task, one in found.items()]
    return MissingnessReport(
        tasks={task: _counts(labels[:, i], parts) for i, task in enumerate(tasks)},
        groups=None if groups is None else _groups(labels, tasks, groups),
        together=_together(labels[parts == "train"], tasks),
        examined_on=None if held_out is None else f"{held_out.source} predictions",
        predictability=found,
        warnings=tuple(warning for warning in warnings if warning),
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
    names, codes = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    sizes = np.bincount(codes)
    known = np.zeros((len(names), len(tasks)))
    np.add.at(known, codes, ~np.isnan(labels))
    return GroupCounts(
        count=len(names),
        tasks={
            task: KnownGroups(
                all_known=int((known[:, i] == sizes).sum()),
                some_known=int(((known[:, i] > 0) & (known[:, i] < sizes)).sum()),
                none_known=int((known[:, i] == 0).sum()),
            )
            for i, task in enumerate(tasks)
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


def _predictability(
    labels: np.ndarray,
    tasks: Sequence[str],
    bootstrap: Bootstrap,
    groups: np.ndarray | None,
    held_out: HeldOutPredictions,
    features: np.ndarray | None,
) -> dict[str, Predictability]:
    drawn = draw_examples(len(held_out.rows), bootstrap.seed)
    rows, logits = held_out.rows[drawn], held_out.logits[drawn]
    inputs = [np.nan_to_num(logits)]
    if features is not None and np.isnan(labels[rows]).any():
        inputs.append(principal_components(features[rows]))
    here = replace(bootstrap, groups=np.asarray(bootstrap.groups)[rows])
    own_groups = None if groups is None else groups[rows]
    found: dict[str, Predictability] = {}
    for i, task in enumerate(tasks):
        known = ~np.isnan(labels[rows, i])
        others = values_of_others(np.delete(labels[rows], i, axis=1))
        probability = scipy.special.expit(logits[:, i])
        found[task] = Predictability(
            input=whether_known(np.concatenate(inputs, axis=1), known, own_groups, here),
            other_labels=whether_known(others, known, own_groups, here),
            mean_probability_known=mean_of_defined(probability[known]),
            mean_probability_unknown=mean_of_defined(probability[~known]),
        )
    return found


def _warning(task: str, found: Predictability, inputs: str) -> str | None:
    worrying = [
        f"the {words} (AUC {one.auc:.2f}, {one.auc_interval[0]:.2f} to {one.auc_interval[1]:.2f})"
        for words, one in ((inputs, found.input), ("other labels", found.other_labels))
        if one.auc_interval is not None and one.auc_interval[0] > WORRYING_AUC
    ]
    if not worrying:
        return None
    return (
        f"{task}: labels are not missing by chance: whether a label is known can be predicted from "
        f"{' and from '.join(worrying)}. {_direction(task, found)}"
    )


def _direction(task: str, found: Predictability) -> str:
    known, unknown = found.mean_probability_known, found.mean_probability_unknown
    if np.isnan(known) or np.isnan(unknown):
        return "The direction of the bias is unknown."
    figures = f"mean probability {known:.2f} against {unknown:.2f}"
    if abs(known - unknown) < CLEAR_DIFFERENCE:
        return (
            f"The model rates examples with and without a known label alike ({figures}): the share "
            "of positives looks right, but the scores hold for examples like the labeled ones."
        )
    word, effect = ("higher", "overstated") if known > unknown else ("lower", "understated")
    return (
        f"The model rates examples with a known label {word} than the others ({figures}): "
        f"the prevalence of '{task}', and with it its probabilities, are probably {effect}."
    )
