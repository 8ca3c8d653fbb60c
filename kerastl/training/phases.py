"""Execution of a training plan, phase by phase.

Convention: fitted are the logits, because probabilities saturate. The model that ships shares the
weights and ends in the sigmoid.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerastl.config.head import columns
from kerastl.config.training_sections import Part
from kerastl.data.inputs.batches import ArrayInputs
from kerastl.data.tables.examples import Examples
from kerastl.features.engines.agreement import engines_above_limit
from kerastl.features.view_features import Features
from kerastl.heads.builder import apply_policy, find_heads, find_layer, head_model, logits_model
from kerastl.progress import Progress
from kerastl.training.augmented_inputs import augmented_inputs
from kerastl.training.compilation import positive_weights
from kerastl.training.evidence import RANKINGS, TrainingEvidence, ranking
from kerastl.training.exact_head.solver import ExactHead, solve_head
from kerastl.training.fine_tuning import fine_tune
from kerastl.training.fitting import TrainingContext, fit_epochs
from kerastl.training.plan import FineTune, FitHeads, SolveHeads, TrainingPlan
from kerastl.training.task_weights import phase_weights, weights_text
from kerastl.training.trainable import learning_table, make_optimizer


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """The outcome of training.

    Args:
        model: The model, which has the trained weights.
        features: Features of all examples from the trained backbone, `(examples, feature_dim)`;
            those of held-out examples in the precision of the shipped model.
        fitted_on: The splits whose rows the weights were fitted on.
        is_frozen: Whether the backbone is the pretrained one: it was frozen in every phase, or no
            epoch of fine-tuning was better than the start.
        history: One row per epoch with phase, epoch and figures.
        exact: The solved heads, or None.
        learned: The learning table, as lines of text.
        evidence: Engines, speed, agreement and the decision of `trainable: auto`.
    """

    model: keras.Model
    features: np.ndarray
    fitted_on: tuple[Part, ...]
    is_frozen: bool
    history: list[dict[str, Any]]
    exact: ExactHead | None
    learned: tuple[str, ...]
    evidence: TrainingEvidence


def run_phases(
    plan: TrainingPlan,
    model: keras.Model,
    context: TrainingContext,
    features: Features | None,
    *,
    start: TrainingResult | None = None,
) -> TrainingResult:
    """Executes the phases of a plan, which changes the model's weights.

    Args:
        plan: The plan.
        model: A model of `kerastl.build_model`.
        context: Examples, inputs, state and progress.
        features: What the context prepared.
        start: Result of an earlier plan, if the model is trained further.
    """
    apply_policy(find_layer(model), False)
    exact = start.exact if start is not None else None
    solved_on = start.features if start is not None else None
    final: Features | None = None  # features that the heads were fitted on
    history = list(start.history) if start is not None else []
    is_frozen = True
    for phase in plan.phases:
        if isinstance(phase, FineTune):
            rows = fine_tune(phase, model, context, exact, solved_on)
            history += rows
            if starts := [row for row in rows if row["kept"] and not row["epoch"]]:
                apply_policy(find_layer(model), False)
                context.progress.note(
                    _start_text(rows, starts[0], "fitted" if exact is None else "solved")
                )
            is_frozen = is_frozen and bool(starts)
        elif isinstance(phase, FitHeads) and phase.augment is not None:
            inputs = augmented_inputs(context.inputs, phase.augment)
            history += _fit_heads(phase, model, logits_model(model), inputs, context)
        else:
            final, exact, rows = _fit_on_features(
                phase, model, context, features or context.extract(model)
            )
            solved_on = final.values
            history += rows
    if final is None or not plan.is_frozen:
        final = context.extract(model)
    weights = weights_text(
        phase_weights(plan.phases[-1], find_heads(model), context.examples.num_known())
    )
    differences = final.probability_differences(head_model(model))
    if differences:
        context.progress.note(_differences_text(differences))
    return TrainingResult(
        model=model,
        features=final.values,
        fitted_on=plan.fitted_on,
        is_frozen=is_frozen,
        history=history,
        exact=exact,
        learned=(*learning_table(model, plan.phases[-1]), *filter(None, [weights])),
        evidence=TrainingEvidence(**vars(final.facts), largest_probability_difference=differences),
    )


def solve_heads(
    phase: SolveHeads,
    model: keras.Model,
    features: np.ndarray,
    examples: Examples,
    progress: Progress,
) -> ExactHead:
    """Solves linear heads on features of all examples and gives the model their weights."""
    rows = examples.rows(*phase.parts)
    labels = examples.training_labels[rows]
    unknown = examples.unknown_weight
    weights = positive_weights(phase.loss.positive_weight, labels, examples.tasks, unknown)
    progress.step("Solving the head", None)
    solved = solve_head(
        features[rows],
        labels,
        groups=None if examples.groups is None else examples.groups[rows],
        regularization=phase.regularization,
        num_folds=phase.num_folds,
        label_smoothing=phase.loss.label_smoothing,
        positive_weight=list(weights.values()),
        unknown_weight=[unknown.get(task, 0.0) for task in examples.tasks],
        seed=phase.seed,
    )
    for head in find_heads(model):
        chosen = columns(head, examples.tasks)
        layer = model.get_layer(head.logits_name)
        layer.set_weights([solved.kernel[:, chosen], solved.bias[chosen]])
    return solved


def _fit_on_features(
    phase: SolveHeads | FitHeads, model: keras.Model, context: TrainingContext, features: Features
) -> tuple[Features, ExactHead | None, list[dict[str, Any]]]:
    """Fits the heads; if an engine's probabilities differ too much, again on float32 features.

    The second time, no engine is left that could differ. Returns the features, the solved heads,
    and one row per epoch of Keras.
    """

    def fit(
        context: TrainingContext, features: Features
    ) -> tuple[Features, ExactHead | None, list[dict[str, Any]]]:
        if isinstance(phase, SolveHeads):
            exact = solve_heads(phase, model, features.values, context.examples, context.progress)
            return features, exact, []
        inputs = ArrayInputs(features.values)
        return features, None, _fit_heads(phase, model, head_model(model), inputs, context)

    fitted = fit(context, features)
    differences = features.probability_differences(head_model(model))
    if refused := engines_above_limit(differences):
        context.progress.note(
            f"{_differences_text(differences)} This is too much: the heads are fitted on float32 "
            "features instead."
        )
        fitted = fit(context.in_folder("float32"), features.extract_without(refused))
    return fitted


def _fit_heads(
    phase: FitHeads, model: keras.Model, trained: keras.Model, inputs: Any, context: TrainingContext
) -> list[dict[str, Any]]:
    optimizer = make_optimizer(
        model, "adam", learning_rate=phase.learning_rate, backbone_learning_rate=None
    )
    return fit_epochs(phase, model, trained, inputs, context, optimizer=optimizer)


def _start_text(rows: Sequence[Mapping[str, Any]], start: Mapping[str, Any], found: str) -> str:
    key = ranking(start)
    others = [row[key] for row in rows if row["epoch"]]
    lowest = f" (lowest {RANKINGS[key]} {min(others):.4f}, before {start[key]:.4f})"
    return f"No epoch was better; the {found} heads were kept{lowest if others else ''}."


def _differences_text(differences: Mapping[str, float]) -> str:
    listed = ", ".join(f"{value:.2g} with {label}" for label, value in differences.items())
    return f"Largest difference of a probability from Keras: {listed}."
