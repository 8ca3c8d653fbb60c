"""Execution of a training plan, phase by phase.

Convention: fitted are the logits, because probabilities saturate. The model that ships shares the
weights and ends in the sigmoid.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from kerastl.data.inputs.batches import ArrayInputs
from kerastl.features.combined_features import Features
from kerastl.heads.builder import (
    apply_policy,
    backbone_of,
    find_heads,
    find_layer,
    head_model,
    logits_model,
    set_heads,
)
from kerastl.heads.logits import HeadLogits
from kerastl.training.augmented_inputs import augmented_inputs
from kerastl.training.context import TrainingContext
from kerastl.training.evidence import RANKINGS, ranking
from kerastl.training.exact_head.solver import ExactHead
from kerastl.training.fine_tuning import fine_tune
from kerastl.training.fitting import fit_epochs
from kerastl.training.plan import FineTune, FitHeads, SolveHeads, TrainingPlan
from kerastl.training.solving import (
    LogitsOf,
    TrainingResult,
    evidence_of,
    fit_agreeing,
    learning_table,
    solve_heads,
)
from kerastl.training.trainable import make_optimizer, model_parts


@dataclass(frozen=True, kw_only=True)
class ModelResult(TrainingResult):
    """The outcome of training a Keras model, and the model with the trained weights."""

    model: keras.Model


def run_phases(
    plan: TrainingPlan,
    model: keras.Model,
    context: TrainingContext,
    features: Features | None,
    *,
    start: ModelResult | None = None,
) -> ModelResult:
    """Executes the phases of a plan, which changes the model's weights.

    `features` are what the context prepared, `start` the result of an earlier plan, if the model is
    trained further.
    """
    layer = backbone_of(model)
    if layer is not None:
        apply_policy(layer, False)
    exact, solved_on = (None, None) if start is None else (start.exact, start.features)
    final: Features | None = None  # features that the heads were fitted on
    history = [] if start is None else list(start.history)
    is_frozen, parts = True, model_parts(model)
    for phase in plan.phases:
        if isinstance(phase, FineTune):
            rows, parts = fine_tune(phase, model, context, exact, solved_on)
            history += rows
            if starts := [row for row in rows if row["kept"] and not row["epoch"]]:
                apply_policy(find_layer(model), False)
                parts = model_parts(model)
                context.progress.note(
                    _start_text(rows, starts[0], "fitted" if exact is None else "solved")
                )
            is_frozen = is_frozen and bool(starts)
        elif isinstance(phase, FitHeads) and phase.augment is not None:
            inputs = augmented_inputs(context.inputs, phase.augment)
            history += _fit_heads(phase, model, logits_model(model), inputs, context)
        else:
            final, exact, rows = _fit_on_features(
                phase, model, context, features or context.extract(find_layer(model))
            )
            solved_on = final.values
            history += rows
    if final is None or not plan.is_frozen:
        final = context.extract(find_layer(model))
    logits_of, known = HeadLogits(model, context.examples.tasks), context.examples.num_known()
    return ModelResult(
        model=model,
        features=final.values,
        fitted_on=plan.fitted_on,
        is_frozen=is_frozen,
        history=history,
        exact=exact,
        learned=learning_table(parts, plan.phases[-1], find_heads(model), known),
        evidence=evidence_of(final, logits_of, context.progress),
    )


def _fit_on_features(
    phase: SolveHeads | FitHeads, model: keras.Model, context: TrainingContext, features: Features
) -> tuple[Features, ExactHead | None, list[dict[str, Any]]]:
    """Returns the features that the heads are fitted on, the solved heads, and the epochs."""
    logits_of = HeadLogits(model, context.examples.tasks)

    def fit(
        context: TrainingContext, features: Features
    ) -> tuple[tuple[ExactHead | None, list[dict[str, Any]]], LogitsOf]:
        if isinstance(phase, SolveHeads):
            solved = solve_heads(phase, features.values, context.examples, context.progress)
            set_heads(model, solved.kernel, solved.bias, context.examples.tasks)
            return (solved, []), logits_of
        inputs = ArrayInputs(features.values)
        return (None, _fit_heads(phase, model, head_model(model), inputs, context)), logits_of

    features, fitted = fit_agreeing(fit, context, features)
    return features, *fitted


def _fit_heads(
    phase: FitHeads, model: keras.Model, trained: keras.Model, inputs: Any, context: TrainingContext
) -> list[dict[str, Any]]:
    with context.scope():
        optimizer = make_optimizer(
            model, "adam", learning_rate=phase.learning_rate, backbone_learning_rate=None
        )
    return fit_epochs(phase, model, trained, inputs, context, optimizer=optimizer)


def _start_text(rows: Sequence[Mapping[str, Any]], start: Mapping[str, Any], found: str) -> str:
    key = ranking(start)
    others = [row[key] for row in rows if row["epoch"]]
    lowest = f" (lowest {RANKINGS[key]} {min(others):.4f}, before {start[key]:.4f})"
    return f"No epoch was better; the {found} heads were kept{lowest if others else ''}."
