"""Weights of tasks: a rarely labeled task counts more if it shares with others what is trained.

Convention: weights are constants of a training, from its known training labels. So the loss still
adds up over batches, and the validation loss has the same weights.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from kerastl.config.head import Head
from kerastl.errors import counted
from kerastl.training.plan import FineTune, Phase

LARGEST_WEIGHT = 100.0
FEW_LABELS = 0.1  # of the labels of the task with most of them

Groups = Sequence[Sequence[str]]


def sharing_tasks(heads: Iterable[Head], *, trains_backbone: bool) -> Groups:
    """Returns groups of tasks that share a trained layer: one that is hidden, or the backbone."""
    heads = tuple(heads)
    if trains_backbone:
        return [[task for head in heads for task in head.tasks]]
    return [head.tasks for head in heads if head.hidden]


def task_weights(
    setting: str | Mapping[str, float] | None, known: Mapping[str, int], groups: Groups
) -> dict[str, float]:
    """Returns the weight of each task's loss.

    Args:
        setting: None is 1; a mapping has weights by task, 1 for the others. `"auto"` gives tasks
            that share a trained layer the same total weight: n_max / n_j, at most 100, for n_j
            known labels of the task and n_max of the one with most of them; 1 for a task that
            shares nothing or has no labels.
        known: Number of known training labels of each task.
        groups: Tasks that share trained layers.
    """
    weights = dict.fromkeys(known, 1.0)
    if isinstance(setting, Mapping):
        return weights | {task: float(weight) for task, weight in setting.items()}
    for group in () if setting is None else groups:
        most = max(known[task] for task in group)
        weights |= {task: min(most / known[task], LARGEST_WEIGHT) for task in group if known[task]}
    return weights


def positive_weights(
    setting: str | float | Mapping[str, float] | None,
    labels: np.ndarray,
    tasks: Sequence[str],
    unknown_weight: Mapping[str, float] = MappingProxyType({}),
) -> dict[str, float]:
    """Returns the weight of the positive class of each task.

    Args:
        setting: None is 1. A number is the weight of all tasks; a mapping has weights by task, 1
            for the others. `"auto"` is the number of known negatives divided by known positives,
            at most 100, so that both classes have the same weight; 1 if one of them is missing.
        labels: Training labels, `(examples, tasks)`, NaN where unknown.
        unknown_weight: Weight with which an unknown label of a task counts as "no".
    """
    if isinstance(setting, Mapping):
        return {task: float(setting.get(task, 1.0)) for task in tasks}
    if isinstance(setting, str):
        weights = dict.fromkeys(tasks, 1.0)
        for task, column in zip(tasks, labels.T, strict=True):
            positives, negatives = float(np.nansum(column)), float(np.nansum(1 - column))
            negatives += unknown_weight.get(task, 0.0) * float(np.isnan(column).sum())
            if positives and negatives:
                weights[task] = min(negatives / positives, LARGEST_WEIGHT)
        return weights
    return dict.fromkeys(tasks, 1.0 if setting is None else float(setting))


def phase_weights(
    phase: Phase, heads: Sequence[Head], known: Mapping[str, int]
) -> dict[str, float]:
    """Returns the weight of each task's loss in a phase of a training."""
    groups = sharing_tasks(heads, trains_backbone=isinstance(phase, FineTune))
    return task_weights(phase.loss.task_weight, known, groups)


def weights_text(weights: Mapping[str, float]) -> str | None:
    """Returns a line with the weights, or None if all are 1."""
    others = [f"{task} {weight:.3g}" for task, weight in weights.items() if weight != 1]
    rest = ["the others 1"] if len(others) < len(weights) else []
    return f"weight of tasks in the loss: {', '.join([*others, *rest])}" if others else None


def rare_task_warnings(
    phases: Iterable[Phase], heads: Sequence[Head], known: Mapping[str, int]
) -> Iterator[str]:
    """Yields a sentence for each task with few labels that shares trained layers with others."""
    trains_backbone = any(isinstance(phase, FineTune) for phase in phases)
    for group in sharing_tasks(heads, trains_backbone=trains_backbone):
        most = max(known[task] for task in group)
        for task in group:
            if 0 < known[task] < FEW_LABELS * most:
                yield (
                    f"{task}: {counted(known[task], 'known training label')}, where another task "
                    f"that shares trained layers has {most}. Sharing can harm it: measure this by "
                    "`kerastl compare --axis sharing`, or use linear heads on a frozen backbone."
                )
