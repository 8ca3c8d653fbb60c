"""Training of linear heads on the features of a frozen backbone, which needs no Keras."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from kerastl.config.head import Head
from kerastl.config.training_sections import Part
from kerastl.data.tables.examples import Examples
from kerastl.features.combined_features import Features
from kerastl.features.engines.agreement import engines_above_limit
from kerastl.features.network import REFERENCE
from kerastl.progress import Progress
from kerastl.training.context import TrainingContext
from kerastl.training.evidence import TrainingEvidence
from kerastl.training.exact_head.partitions import Partitions
from kerastl.training.exact_head.solver import ExactHead, draw_folds, solve_head
from kerastl.training.plan import FineTune, Phase, SolveHeads
from kerastl.training.task_weights import phase_weights, positive_weights, weights_text

T = TypeVar("T")
LogitsOf = Callable[[np.ndarray], np.ndarray]
"""From features of examples to the logits of all tasks."""
Solve = Callable[[SolveHeads, np.ndarray, Examples, Progress], ExactHead]
"""Solves the heads of a phase on features of all examples, such as `solve_heads`."""
Solving = Callable[[SolveHeads, np.ndarray, Examples, Progress], AbstractContextManager[Solve]]
"""Prepares a `Solve` for the same arguments, before anything is written."""


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """The outcome of training."""

    # Features of all examples from the trained backbone, `(examples, feature_dim)`; those of
    # held-out examples in the precision of the shipped model.
    features: np.ndarray
    fitted_on: tuple[Part, ...]  # the splits whose rows the weights were fitted on
    # Whether the backbone is the pretrained one: it was frozen in every phase, or no epoch of
    # fine-tuning was better than the start.
    is_frozen: bool
    history: list[dict[str, Any]]  # one row per epoch with phase, epoch and figures
    exact: ExactHead | None  # the solved heads
    learned: tuple[str, ...]  # the learning table, as lines of text
    evidence: TrainingEvidence


@dataclass(frozen=True, kw_only=True)
class ModelPart:
    """A stage of the backbone or a head, with the number of its weights."""

    name: str
    weights: int
    trained: int


def learning_table(
    parts: Sequence[ModelPart], phase: Phase, heads: Sequence[Head], known: Mapping[str, int]
) -> tuple[str, ...]:
    """Returns a line for each part of a model: its weights, how many are trained, the rate.

    A last line has the weights of the tasks, which depend on how many labels are known, unless all
    are 1.
    """
    lines = [f"{'part':<28}{'weights':>12}{'trained':>12}  rate"]
    for part in parts:
        rate = "exact" if part.trained else "-"
        if part.trained and not isinstance(phase, SolveHeads):
            is_tuned = isinstance(phase, FineTune) and part.name.startswith("backbone")
            rate = f"{getattr(phase, 'backbone_learning_rate' if is_tuned else 'learning_rate'):g}"
        lines.append(f"{part.name:<28}{part.weights:>12,}{part.trained:>12,}  {rate}")
    return (*lines, *filter(None, [weights_text(phase_weights(phase, heads, known))]))


def train_solved(
    phase: SolveHeads,
    heads: Sequence[Head],
    context: TrainingContext,
    features: Features,
    parts: Sequence[ModelPart],
    solve: Solve,
) -> tuple[TrainingResult, ExactHead]:
    """Returns the outcome of a training whose only phase solves the heads, and the heads."""

    def fit(_: TrainingContext, found: Features) -> tuple[ExactHead, LogitsOf]:
        exact = solve(phase, found.values, context.examples, context.progress)
        return exact, exact.logits

    features, exact = fit_agreeing(fit, context, features)
    result = TrainingResult(
        features=features.values,
        fitted_on=phase.parts,
        is_frozen=True,
        history=[],
        exact=exact,
        learned=learning_table(parts, phase, heads, context.examples.num_known()),
        evidence=evidence_of(features, exact.logits, context.progress),
    )
    return result, exact


def fit_agreeing(
    fit: Callable[[TrainingContext, Features], tuple[T, LogitsOf]],
    context: TrainingContext,
    features: Features,
) -> tuple[Features, T]:
    """Fits heads; if an engine's probabilities differ too much, again on float32 features.

    The second time, no engine is left that could differ.
    """
    fitted, logits_of = fit(context, features)
    differences = features.probability_differences(logits_of)
    if refused := engines_above_limit(differences):
        context.progress.note(
            f"{_differences_text(differences, features.reference)} This is too much: the heads are "
            "fitted on float32 features instead."
        )
        features = features.extract_without(refused)
        fitted, _ = fit(context.in_folder("float32"), features)
    return features, fitted


def evidence_of(features: Features, logits_of: LogitsOf, progress: Progress) -> TrainingEvidence:
    """Returns where features come from, and notes how much engines differ from Keras."""
    differences = features.probability_differences(logits_of)
    if differences:
        progress.note(_differences_text(differences, features.reference))
    return TrainingEvidence(**vars(features.facts), largest_probability_difference=differences)


def solve_heads(
    phase: SolveHeads,
    features: np.ndarray | Partitions,
    examples: Examples,
    progress: Progress,
    *,
    tasks: Sequence[int] | None = None,
) -> ExactHead:
    """Solves linear heads.

    Args:
        phase: The settings.
        features: Features of all examples, or partitions of those that are fitted.
        examples: The examples.
        progress: Receives progress updates.
        tasks: Indices of the tasks that are solved, None for all: whole blocks, as of `solve_head`.
    """
    rows = examples.rows(*phase.parts)
    labels = examples.training_labels[rows]
    unknown = examples.unknown_weight
    weights = positive_weights(phase.loss.positive_weight, labels, examples.tasks, unknown)
    progress.step("Solving the head", None)
    return solve_head(
        features,
        labels,
        rows=rows,
        tasks=tasks,
        groups=None if examples.groups is None else examples.groups[rows],
        regularization=phase.regularization,
        num_folds=phase.num_folds,
        label_smoothing=phase.loss.label_smoothing,
        positive_weight=list(weights.values()),
        unknown_weight=[unknown.get(task, 0.0) for task in examples.tasks],
        seed=phase.seed,
    )


def folds_of(phase: SolveHeads, examples: Examples) -> np.ndarray | None:
    """Returns the folds of `solve_heads`; None if a strength is given."""
    if phase.regularization != "auto":
        return None
    rows = examples.rows(*phase.parts)
    groups = None if examples.groups is None else examples.groups[rows]
    labels = examples.training_labels[rows]
    return draw_folds(labels, groups, num_folds=phase.num_folds, seed=phase.seed)


def _differences_text(differences: Mapping[str, float], reference: str) -> str:
    expected = "Keras" if reference == REFERENCE else reference
    listed = ", ".join(f"{value:.2g} with {label}" for label, value in differences.items())
    return f"Largest difference of a probability from {expected}: {listed}."
