"""Positive weights from the known training labels."""

from collections.abc import Mapping, Sequence

import numpy as np

LARGEST = 100.0


def positive_weights(
    setting: str | float | Mapping[str, float] | None, labels: np.ndarray, tasks: Sequence[str]
) -> dict[str, float]:
    """Returns the weight of the positive class of each task.

    Args:
        setting: None is 1. A number is the weight of all tasks; a mapping has weights by task, 1
            for the others. `"auto"` is the number of known negatives divided by known positives,
            at most 100, so that both classes have the same weight; 1 if one of them is missing.
        labels: Training labels, `(examples, tasks)`, NaN where unknown.
        tasks: Names of the columns.
    """
    if setting is None:
        return dict.fromkeys(tasks, 1.0)
    if isinstance(setting, Mapping):
        return {task: float(setting.get(task, 1.0)) for task in tasks}
    if isinstance(setting, str):
        return {task: _balanced(labels[:, i]) for i, task in enumerate(tasks)}
    return dict.fromkeys(tasks, float(setting))


def _balanced(labels: np.ndarray) -> float:
    positives = float(np.nansum(labels))
    negatives = float(np.nansum(1 - labels))
    if not positives or not negatives:
        return 1.0
    return min(negatives / positives, LARGEST)
