"""What a side is, scores and costs, as plain values for `compare.json`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerastl.compare.scores import SCORES
from kerastl.compare.sides import Side, Study
from kerastl.compare.verdicts import ArmScores

_COSTS = ("parameters", "trainable_parameters", "bytes", "milliseconds_per_example")


def side_values(
    side: Side,
    scores: Sequence[ArmScores],
    losses: Mapping[str, float],
    facts: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Returns all about one side.

    Args:
        side: The side.
        scores: One per seed: task to name to score.
        losses: Task to training loss.
        facts: What is kept beside each of its arms.
    """
    return {
        "name": side.name,
        "mode": side.mode or None,
        "tasks": list(side.tasks),
        "changes": dict(side.changes),
        "training": {"treatment": side.training.treatment, "examples": side.training.examples},
        "supporting": side.is_supporting,
        "scores": {task: _by_seed(scores, task) for task in side.tasks},
        "macro": _macro(scores, side.tasks),
        "training_loss": dict(losses),
        "cost": {
            **{name: _median(facts, name) for name in _COSTS},
            "seconds": _median(facts, "seconds"),
            "epochs": [one.get("epochs") for one in facts],
        },
    }


def cost_sentences(
    study: Study, facts: Mapping[tuple[str, int], Mapping[str, Any]], seeds: Sequence[int]
) -> list[str]:
    """Returns what both sides of each answer cost, where one of them is several models."""
    return [
        f"{question.text}: {_bill(question.first, facts, seeds)}; instead: "
        f"{_bill(question.second, facts, seeds)}."
        for question in study.questions
        if question.kind == "answer" and len(question.first) != len(question.second)
    ]


def _bill(
    names: Sequence[str],
    facts: Mapping[tuple[str, int], Mapping[str, Any]],
    seeds: Sequence[int],
) -> str:
    """The sum over the models of a side."""
    total = {
        name: sum(_median([facts[side, seed] for seed in seeds], name) for side in names)
        for name in ("seconds", *_COSTS)
    }
    count = "1 model" if len(names) == 1 else f"{len(names)} models"
    return (
        f"{count}, {total['seconds']:,.0f} s to train, {total['parameters']:,.0f} weights, "
        f"{total['bytes'] / 1e6:.1f} MB, {total['milliseconds_per_example']:.2f} ms per example"
    )


def _by_seed(scores: Sequence[ArmScores], task: str) -> dict[str, Any]:
    found = {name: [one[task][name].value for one in scores] for name in SCORES}
    return {name: {"mean": _mean(values), "by_seed": values} for name, values in found.items()}


def _macro(scores: Sequence[ArmScores], tasks: Sequence[str]) -> dict[str, Any]:
    found = {
        name: [_mean([one[task][name].value for task in tasks]) for one in scores]
        for name in SCORES
    }
    return {name: {"mean": _mean(values), "by_seed": values} for name, values in found.items()}


def _mean(values: Sequence[float]) -> float:
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")


def _median(facts: Sequence[Mapping[str, Any]], name: str) -> float:
    values = [float(one[name]) for one in facts if name in one]
    return float(np.median(values)) if values else float("nan")
