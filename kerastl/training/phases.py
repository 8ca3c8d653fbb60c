"""Execution of a training plan, phase by phase.

Convention: fitted are the logits, because probabilities saturate. The model that ships shares the
weights and ends in the sigmoid.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerastl.data.inputs.batches import ArrayInputs
from kerastl.features.engines.agreement import engines_above_limit
from kerastl.features.extraction import Extraction
from kerastl.heads.builder import apply_policy, find_layer, head_model, logits_model
from kerastl.training.augmented_inputs import augmented_inputs
from kerastl.training.context import TrainingContext
from kerastl.training.exact_head.solver import ExactHead
from kerastl.training.exact_head.solving import solve_heads
from kerastl.training.fine_tuning import fine_tune
from kerastl.training.keras_fitting import fit_epochs
from kerastl.training.learning_table import learning_table
from kerastl.training.plan import AutoPlan, FineTune, FitHeads, SolveHeads, TrainingPlan
from kerastl.training.trainable import make_optimizer


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """The outcome of training besides the weights, which are in the model.

    Args:
        features: Features of all examples from the trained backbone, `(examples, feature_dim)`;
            those of held-out examples in the precision of the shipped model.
        is_frozen: Whether the backbone was frozen in every phase.
        history: One row per epoch with phase, epoch and figures.
        exact: The solved heads, or None.
        learned: The learning table, as lines of text.
        evidence: Engines, speed, agreement and the decision of `trainable: auto`, for the bundle.
    """

    features: np.ndarray
    is_frozen: bool
    history: list[dict[str, Any]]
    exact: ExactHead | None
    learned: tuple[str, ...]
    evidence: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Heads:
    """Heads that were fitted on features.

    Args:
        features: The features.
        history: One row per epoch of Keras.
        exact: The solved heads, or None.
    """

    features: Extraction
    history: list[dict[str, Any]]
    exact: ExactHead | None = None


def prepare(
    plan: TrainingPlan | AutoPlan, model: keras.Model, context: TrainingContext
) -> Extraction | None:
    """Reads every file before training; returns the features that the first phase needs.

    Returns None if the first phase runs the backbone in every epoch. Then nothing is cached.

    Raises:
        MediaError: A file cannot be read.
    """
    for phase in plan.phases:
        augmented_inputs(context.inputs, phase.augment)  # raises if noise files cannot be read
    first = plan.phases[0]
    if first.uses_features:
        return context.extract(model)
    if isinstance(first, FitHeads) and first.augment is not None:
        context.progress.note(
            f"Features are not cached, because augment.{first.augment.active[0]} changes the "
            "inputs in every epoch."
        )
    context.decode()
    return None


def run_phases(
    plan: TrainingPlan, model: keras.Model, context: TrainingContext, features: Extraction | None
) -> TrainingResult:
    """Executes the phases of a plan.

    Args:
        plan: The plan.
        model: A model of `kerastl.build_model`; its weights are changed.
        context: Examples, inputs, state and progress.
        features: Result of `prepare`.
    """
    apply_policy(find_layer(model), False)
    heads: _Heads | None = None
    history: list[dict[str, Any]] = []
    for phase in plan.phases:
        if isinstance(phase, FineTune):
            history += fine_tune(
                phase,
                model,
                context,
                exact=None if heads is None else heads.exact,
                features=None if heads is None else heads.features.values,
            )
        elif isinstance(phase, FitHeads) and phase.augment is not None:
            history += _fit_through_backbone(phase, model, context)
        else:
            heads = _fit_on_features(phase, model, context, features or context.extract(model))
            history += heads.history
    final = heads.features if heads and plan.is_frozen else context.extract(model)
    differences = final.probability_differences(head_model(model))
    if differences:
        context.progress.note(_differences_text(differences))
    return TrainingResult(
        features=final.values,
        is_frozen=plan.is_frozen,
        history=history,
        exact=None if heads is None else heads.exact,
        learned=learning_table(model, plan.phases[-1]),
        evidence={**final.facts, "largest_probability_difference": differences},
    )


def _fit_on_features(
    phase: SolveHeads | FitHeads,
    model: keras.Model,
    context: TrainingContext,
    features: Extraction,
) -> _Heads:
    """Fits the heads; if an engine's probabilities differ too much, again on float32 features.

    The second time, no engine is left that could differ.
    """
    heads = _fit_once(phase, model, context, features)
    differences = features.probability_differences(head_model(model))
    refused = engines_above_limit(differences)
    if not refused:
        return heads
    context.progress.note(
        f"{_differences_text(differences)} This is too much: the heads are fitted on float32 "
        "features instead."
    )
    shutil.rmtree(context.state / FitHeads.name, ignore_errors=True)
    return _fit_once(phase, model, context, features.extract_without(refused))


def _fit_once(
    phase: SolveHeads | FitHeads,
    model: keras.Model,
    context: TrainingContext,
    features: Extraction,
) -> _Heads:
    if isinstance(phase, SolveHeads):
        exact = solve_heads(phase, model, features.values, context.examples, context.progress)
        return _Heads(features=features, history=[], exact=exact)
    history = fit_epochs(
        phase,
        model,
        head_model(model),
        ArrayInputs(features.values),
        context,
        optimizer=keras.optimizers.Adam(phase.learning_rate),
    )
    return _Heads(features=features, history=history)


def _fit_through_backbone(
    phase: FitHeads, model: keras.Model, context: TrainingContext
) -> list[dict[str, Any]]:
    return fit_epochs(
        phase,
        model,
        logits_model(model),
        augmented_inputs(context.inputs, phase.augment),
        context,
        optimizer=make_optimizer(
            model, "adam", learning_rate=phase.learning_rate, backbone_learning_rate=None
        ),
    )


def _differences_text(differences: Mapping[str, float]) -> str:
    listed = ", ".join(f"{value:.2g} with {label}" for label, value in differences.items())
    return f"Largest difference of a probability from Keras: {listed}."
