"""The scores and the cost of each variant."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from kerastl.compare.cost import TrialCost
from kerastl.compare.paired_scores import SCORES, TrialScores
from kerastl.compare.study import Study, TrainingVariant
from kerastl.errors import counted
from kerastl.evaluation.means import mean_of_defined


@dataclass(frozen=True, kw_only=True)
class SeedScores:
    """One score over seeds.

    Args:
        mean: Mean over the seeds with a defined score.
        by_seed: Score of each seed.
    """

    mean: float
    by_seed: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class VariantScores:
    """The scores of a variant on one task, or their means over tasks."""

    auc: SeedScores
    log_loss: SeedScores


@dataclass(frozen=True, kw_only=True)
class VariantCost:
    """Medians over the trials of a variant, NaN if not measured.

    Args:
        parameters: Number of weights.
        trainable_parameters: Number of trainable weights.
        bytes: Size of the model file.
        milliseconds_per_example: Time of inference.
        seconds: Time of training.
        epochs: Number of epochs of each trial.
    """

    parameters: float
    trainable_parameters: float
    bytes: float
    milliseconds_per_example: float
    seconds: float
    epochs: tuple[int | None, ...]


@dataclass(frozen=True, kw_only=True)
class VariantResult:
    """A variant with its scores and its cost.

    Args:
        name: Name of the variant.
        mode: Part of the study, or None.
        tasks: Tasks of the variant.
        changes: Dotted keys of the config and their values.
        training: Its training rows.
        supporting: Whether it only serves a condition.
        scores: Name of each task to its scores.
        macro: Means over tasks.
        training_loss: Name of each task to its training loss in nats.
        cost: Its cost.
    """

    name: str
    mode: str | None
    tasks: tuple[str, ...]
    changes: Mapping[str, Any]
    training: Mapping[str, Any]
    supporting: bool
    scores: Mapping[str, VariantScores]
    macro: VariantScores
    training_loss: Mapping[str, float]
    cost: VariantCost


def summarize(
    variant: TrainingVariant,
    scores: Sequence[TrialScores],
    losses: Mapping[str, float],
    costs: Sequence[TrialCost],
) -> VariantResult:
    """Returns a variant with its scores and its cost.

    Args:
        variant: The variant.
        scores: Its scores, one for each seed.
        losses: Name of each task to its training loss.
        costs: Cost of each of its trials.
    """
    return VariantResult(
        name=variant.name,
        mode=variant.mode or None,
        tasks=variant.tasks,
        changes=dict(variant.changes),
        training=asdict(variant.training),
        supporting=variant.is_supporting,
        scores={task: _scores(scores, [task]) for task in variant.tasks},
        macro=_scores(scores, variant.tasks),
        training_loss=dict(losses),
        cost=_cost(costs),
    )


def cost_sentences(study: Study, results: Sequence[VariantResult]) -> list[str]:
    """Returns the costs of both sides of each contrast in which one of them is several models."""
    costs = {result.name: result.cost for result in results}
    return [
        f"{contrast.text}: {_bill([costs[name] for name in contrast.first])}; instead: "
        f"{_bill([costs[name] for name in contrast.second])}."
        for contrast in study.contrasts
        if contrast.kind == "answer" and len(contrast.first) != len(contrast.second)
    ]


def _bill(costs: Sequence[VariantCost]) -> str:
    seconds = sum(cost.seconds for cost in costs)
    parameters = sum(cost.parameters for cost in costs)
    size = sum(cost.bytes for cost in costs)
    milliseconds = sum(cost.milliseconds_per_example for cost in costs)
    return (
        f"{counted(len(costs), 'model')}, {seconds:,.0f} s to train, {parameters:,.0f} weights, "
        f"{size / 1e6:.1f} MB, {milliseconds:.2f} ms per example"
    )


def _cost(costs: Sequence[TrialCost]) -> VariantCost:
    return VariantCost(
        parameters=_median([cost.parameters for cost in costs]),
        trainable_parameters=_median([cost.trainable_parameters for cost in costs]),
        bytes=_median([cost.bytes for cost in costs]),
        milliseconds_per_example=_median([cost.milliseconds_per_example for cost in costs]),
        seconds=_median([cost.seconds for cost in costs]),
        epochs=tuple(cost.epochs for cost in costs),
    )


def _scores(scores: Sequence[TrialScores], tasks: Sequence[str]) -> VariantScores:
    found = {}
    for name in SCORES:
        by_seed = [mean_of_defined([one[task][name].value for task in tasks]) for one in scores]
        found[name] = SeedScores(mean=mean_of_defined(by_seed), by_seed=tuple(by_seed))
    return VariantScores(**found)


def _median(values: Sequence[float | None]) -> float:
    measured = [float(value) for value in values if value is not None]
    return float(np.median(measured)) if measured else float("nan")
