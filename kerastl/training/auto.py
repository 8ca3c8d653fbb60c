"""Training with `trainable: auto`: frozen first, fine-tuned from there, the better model kept."""

import time
from dataclasses import replace

import keras
import numpy as np

from kerastl.data.tables.examples import Examples
from kerastl.data.tables.stratification import stratify
from kerastl.evaluation.gains import Gain, measure_gain
from kerastl.features.extraction import Extraction
from kerastl.heads.builder import apply_policy, find_layer
from kerastl.heads.logits import logits_of_features
from kerastl.progress import SILENT
from kerastl.training.auto_evidence import (
    AutoDecision,
    LabelSupply,
    count_labels,
    reason_not_to_fine_tune,
)
from kerastl.training.context import TrainingContext
from kerastl.training.exact_head.solving import solve_heads
from kerastl.training.phases import TrainingResult, run_phases
from kerastl.training.plan import AutoPlan, SolveHeads, TrainingPlan


def train_model(
    plan: TrainingPlan | AutoPlan,
    model: keras.Model,
    context: TrainingContext,
    features: Extraction | None,
) -> TrainingResult:
    """Trains a model as planned; of two plans, the better on validation is kept.

    Fine-tuning is not tried if there are too few labels. It is kept only if it reduces the loss of
    the known validation labels by more than the noise of that reduction.

    Args:
        plan: The plan.
        model: A model of `kerastl.build_model`; its weights are changed.
        context: Examples, inputs, state and progress.
        features: Result of `kerastl.training.phases.prepare`.
    """
    if isinstance(plan, TrainingPlan):
        return run_phases(plan, model, context, features)
    started = time.monotonic()
    frozen = run_phases(plan.frozen, model, context.in_folder("frozen"), features)
    supply = measure_supply(plan, model, frozen.features, context.examples)
    seconds = {"frozen": time.monotonic() - started}
    reason = _reason_not_to_try(supply, context.examples)
    if reason is not None:
        context.progress.note(f"auto: the backbone stays frozen: {reason}.")
        return _with_decision(
            frozen, AutoDecision(supply=supply, trained=False, reason=reason, seconds=seconds)
        )
    return _fine_tune_from(plan, frozen, model, context, features, supply, seconds)


def measure_supply(
    plan: AutoPlan, model: keras.Model, features: np.ndarray, examples: Examples
) -> LabelSupply:
    """Returns the known training labels, and what the second half of them contributed.

    Args:
        plan: The plan.
        model: The model with fitted heads; its weights stay as they are.
        features: Features of all examples from the frozen backbone.
        examples: The examples.
    """
    labels = examples.training_labels[examples.rows("train")]
    positives, negatives = count_labels(labels, examples.tasks)
    return LabelSupply(
        positives=positives,
        negatives=negatives,
        weights=_num_weights(model),
        second_half=_second_half(plan, model, features, examples),
    )


def _fine_tune_from(
    plan: AutoPlan,
    frozen: TrainingResult,
    model: keras.Model,
    context: TrainingContext,
    features: Extraction | None,
    supply: LabelSupply,
    seconds: dict[str, float],
) -> TrainingResult:
    """Fine-tunes the frozen model; gives it back its weights if that is not clearly better."""
    started = time.monotonic()
    weights = model.get_weights()
    before = _validation_logits(model, frozen.features, context.examples)
    tuned = run_phases(plan.fine_tuned, model, context, features)
    after = _validation_logits(model, tuned.features, context.examples)
    gain = _gain(before, after, context.examples, seed=plan.seed)
    decision = AutoDecision(
        supply=supply,
        trained=gain.is_larger_than_noise,
        reason="better on validation" if gain.is_larger_than_noise else "not clearly better",
        seconds={**seconds, "fine_tuning": time.monotonic() - started},
        gain=gain,
    )
    context.progress.note(_decision_text(decision, gain))
    if decision.trained:
        return _with_decision(tuned, decision)
    model.set_weights(weights)
    apply_policy(find_layer(model), False)
    kept = _with_decision(frozen, decision)
    return replace(kept, history=[*frozen.history, *tuned.history])  # for the learning curves


def _num_weights(model: keras.Model) -> int:
    """Returns the number of weights that fine-tuning trains."""
    layer = find_layer(model)
    apply_policy(layer, True)
    count = sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)
    apply_policy(layer, False)
    return count


def _second_half(
    plan: AutoPlan, model: keras.Model, features: np.ndarray, examples: Examples
) -> Gain | None:
    """Returns the gain of solved heads from the second half of the training examples.

    The heads are solved on the first half and then get their weights back.
    """
    phase = plan.frozen.phases[0]
    if not isinstance(phase, SolveHeads) or not _has_validation(examples):
        return None
    rows = examples.rows("train")
    labels = examples.training_labels[rows]
    halves = stratify(
        np.where(np.isnan(labels), np.nan, labels >= 0.5),
        None if examples.groups is None else examples.groups[rows],
        fractions=[0.5, 0.5],
        seed=phase.seed,
    )
    splits = examples.splits.copy()
    splits[rows[halves == 1]] = "unused"
    half = labels[halves == 0]
    if not len(half) or np.isnan(half).all(axis=0).any():
        return None
    whole_logits = _validation_logits(model, features, examples)
    weights = model.get_weights()
    solve_heads(phase, model, features, examples.with_splits(splits), SILENT)
    half_logits = _validation_logits(model, features, examples)
    model.set_weights(weights)
    return _gain(half_logits, whole_logits, examples, seed=phase.seed)


def _reason_not_to_try(supply: LabelSupply, examples: Examples) -> str | None:
    if not _has_validation(examples):
        return "no validation label is known, so the models cannot be compared"
    return reason_not_to_fine_tune(supply)


def _has_validation(examples: Examples) -> bool:
    return bool((~np.isnan(examples.labels[examples.rows("validation")])).any())


def _validation_logits(model: keras.Model, features: np.ndarray, examples: Examples) -> np.ndarray:
    return logits_of_features(model, features[examples.rows("validation")], examples.tasks)


def _gain(before: np.ndarray, after: np.ndarray, examples: Examples, *, seed: int) -> Gain:
    rows = examples.rows("validation")
    groups = None if examples.groups is None else examples.groups[rows]
    return measure_gain(before, after, examples.labels[rows], groups, seed=seed)


def _decision_text(decision: AutoDecision, gain: Gain) -> str:
    verdict = (
        "it is kept"
        if decision.trained
        else "this is not beyond the noise, so the backbone is frozen"
    )
    supply = decision.supply
    return (
        f"auto: fine-tuning changed the validation loss by {-gain.loss:+.4f} (95 % "
        f"{-gain.high:+.4f} to {-gain.low:+.4f}, {gain.known} known labels); {verdict}. It was "
        f"tried because the median task has {supply.median:g} known training labels of its rarer "
        f"class, {supply.weights_per_label:,.0f} weights for each known label. It took "
        f"{decision.seconds['fine_tuning']:.0f} s, the frozen heads "
        f"{decision.seconds['frozen']:.0f} s."
    )


def _with_decision(result: TrainingResult, decision: AutoDecision) -> TrainingResult:
    return replace(result, evidence={**result.evidence, "auto": decision.to_dict()})
