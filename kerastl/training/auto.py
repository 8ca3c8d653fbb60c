"""Training with `trainable: auto`: frozen first, fine-tuned from there, the better model kept.

Convention: fine-tuning is tried only if there are enough labels, and kept only if it reduces the
validation loss by more than the noise of that reduction.
"""

import time
from collections.abc import Sequence
from dataclasses import replace

import keras
import numpy as np

from kerastl.data.tables.examples import Examples
from kerastl.data.tables.stratification import stratify
from kerastl.evaluation.gains import Gain, measure_gain
from kerastl.features.extraction import Extraction
from kerastl.heads.builder import apply_policy, find_layer
from kerastl.heads.logits import HeadLogits
from kerastl.progress import SILENT
from kerastl.training.evidence import AutoDecision, LabelSupply
from kerastl.training.fitting import TrainingContext
from kerastl.training.phases import TrainingResult, run_phases, solve_heads
from kerastl.training.plan import AutoPlan, SolveHeads, TrainingPlan

FEW_LABELS = 50  # of the rarer class: with fewer, fine-tuning is not tried
SOME_LABELS = 200  # with fewer, it is not tried if more labels would still improve the frozen head
MANY_WEIGHTS = 1_000  # per known label; with more, it is not tried in that case either


def train_model(
    plan: TrainingPlan | AutoPlan,
    model: keras.Model,
    context: TrainingContext,
    features: Extraction | None,
) -> TrainingResult:
    """Trains a model as planned; of two plans, the better on validation is kept.

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
    reason = (
        reason_not_to_fine_tune(supply)
        if _has_validation(context.examples)
        else "no validation label is known, so the models cannot be compared"
    )
    if reason is not None:
        context.progress.note(f"auto: the backbone stays frozen: {reason}.")
        decision = AutoDecision(supply=supply, trained=False, reason=reason, seconds=seconds)
        return _with_decision(frozen, decision)
    return _fine_tune_from(plan, frozen, model, context, features, supply, seconds)


def measure_supply(
    plan: AutoPlan, model: keras.Model, features: np.ndarray, examples: Examples
) -> LabelSupply:
    """Returns the known training labels, and what the second half of them contributed.

    The heads of the model are fitted on `features`, those of all examples from the frozen backbone.
    The model's weights stay as they are.
    """
    labels = examples.training_labels[examples.rows("train")]
    positives, negatives = count_labels(labels, examples.tasks)
    return LabelSupply(
        positives=positives,
        negatives=negatives,
        weights=_num_weights(model),
        second_half=_second_half(plan, model, features, examples),
    )


def count_labels(labels: np.ndarray, tasks: Sequence[str]) -> tuple[dict[str, int], dict[str, int]]:
    """Returns the number of known positives and of known negatives of each task."""
    positives = (labels >= 0.5).sum(axis=0).tolist()
    negatives = (labels < 0.5).sum(axis=0).tolist()
    return dict(zip(tasks, positives, strict=True)), dict(zip(tasks, negatives, strict=True))


def reason_not_to_fine_tune(supply: LabelSupply) -> str | None:
    """Returns why fine-tuning is not worth trying, or None.

    The criterion is the rarer class of the median task. With fewer than 50 known labels of it, the
    backbone stays frozen. If the second half of the training examples still improved the frozen
    head, labels are missing rather than weights: then the backbone stays frozen with fewer than
    200 labels too, and with more than 1,000 weights to train for each known label. A frozen head
    that more labels do not improve is limited by its features, which fine-tuning changes.
    """
    rarest = min(supply.rarer, key=lambda task: supply.rarer[task])
    median = f"the median task has {supply.median:g} known training labels of its rarer class"
    if supply.median < FEW_LABELS:
        fewest = f"(fewest: {rarest} with {supply.rarer[rarest]})"
        return f"{median}, fewer than {FEW_LABELS} {fewest}"
    if supply.second_half is None or not supply.second_half.is_larger_than_noise:
        return None
    reduced = (
        "the second half of the training examples lowered the frozen head's validation loss by "
        f"{supply.second_half.loss:.4f}, so it lacks labels"
    )
    if supply.median < SOME_LABELS:
        return f"{reduced}, and {median}, fewer than {SOME_LABELS}"
    if supply.weights_per_label > MANY_WEIGHTS:
        return (
            f"{reduced}, and fine-tuning would train {supply.weights_per_label:,.0f} weights for "
            f"each known label, more than {MANY_WEIGHTS:,}"
        )
    return None


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
    is_better = gain.is_larger_than_noise
    seconds = {**seconds, "fine_tuning": time.monotonic() - started}
    context.progress.note(_decision_text(supply, gain, seconds))
    if not is_better:
        model.set_weights(weights)
        apply_policy(find_layer(model), False)
        # the history of both, for the learning curves
        tuned = replace(frozen, history=[*frozen.history, *tuned.history])
    reason = "better on validation" if is_better else "not clearly better"
    decision = AutoDecision(
        supply=supply, trained=is_better, reason=reason, seconds=seconds, gain=gain
    )
    return _with_decision(tuned, decision)


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


def _has_validation(examples: Examples) -> bool:
    return bool((~np.isnan(examples.labels[examples.rows("validation")])).any())


def _validation_logits(model: keras.Model, features: np.ndarray, examples: Examples) -> np.ndarray:
    return HeadLogits(model, examples.tasks)(features[examples.rows("validation")])


def _gain(before: np.ndarray, after: np.ndarray, examples: Examples, *, seed: int) -> Gain:
    rows = examples.rows("validation")
    groups = None if examples.groups is None else examples.groups[rows]
    return measure_gain(before, after, examples.labels[rows], groups, seed=seed)


def _decision_text(supply: LabelSupply, gain: Gain, seconds: dict[str, float]) -> str:
    verdict = (
        "it is kept"
        if gain.is_larger_than_noise
        else "this is not beyond the noise, so the backbone is frozen"
    )
    return (
        f"auto: fine-tuning changed the validation loss by {-gain.loss:+.4f} (95 % "
        f"{-gain.high:+.4f} to {-gain.low:+.4f}, {gain.known} known labels); {verdict}. It was "
        f"tried because the median task has {supply.median:g} known training labels of its rarer "
        f"class, {supply.weights_per_label:,.0f} weights for each known label. It took "
        f"{seconds['fine_tuning']:.0f} s, the frozen heads {seconds['frozen']:.0f} s."
    )


def _with_decision(result: TrainingResult, decision: AutoDecision) -> TrainingResult:
    return replace(result, evidence=replace(result.evidence, auto=decision))
