"""Training that compares on validation: rates of fine-tuning, and whether to fine-tune at all.

Convention: a rate is judged by a short training with the whole course of the rates. With
`trainable: auto` fine-tuning is kept only if it reduces the validation loss by more than the noise
of that reduction.
"""

import time
from collections.abc import Sequence
from dataclasses import replace

import keras
import numpy as np
import scipy.special

from kerastl.data.tables.examples import Examples
from kerastl.errors import counted
from kerastl.evaluation.gains import Gain, calibrated_loss, measure_gain
from kerastl.evaluation.held_out import level_folds
from kerastl.evaluation.means import mean_of_defined
from kerastl.evaluation.scores import score_task
from kerastl.features.combined_features import Features
from kerastl.features.engines.keras_engine import KerasEngine
from kerastl.heads.builder import apply_policy, feature_model, find_layer
from kerastl.heads.logits import HeadLogits
from kerastl.training.context import TrainingContext
from kerastl.training.evidence import AutoDecision, RateTrial, ValidationLabels
from kerastl.training.fine_tuning import fine_tune
from kerastl.training.phases import ModelResult, run_phases
from kerastl.training.plan import DEFAULT_RATE, FineTune, SearchPlan, TrainingPlan

FEW_LABELS = 20  # of the rarer class in validation: with fewer, models cannot be compared
_ROWS = 32  # validation examples that pass through the backbone at once


def train_model(
    plan: TrainingPlan | SearchPlan,
    model: keras.Model,
    context: TrainingContext,
    features: Features | None,
    *,
    frozen_model: keras.Model | None = None,
) -> ModelResult:
    """Trains a model as planned; what the plan leaves open is decided on validation.

    `features` are what the context prepared for the first phase. `frozen_model` is the one that
    stays frozen, if the plan has one: it has the same heads, but other features than the model that
    is fine-tuned.
    """
    if isinstance(plan, TrainingPlan):
        return run_phases(plan, model, context, features)
    started = time.monotonic()
    if plan.frozen is None or frozen_model is None:
        start = frozen = run_phases(plan.start, model, context.in_folder("frozen"), features)
    else:
        frozen = run_phases(plan.frozen, frozen_model, context.in_folder("frozen"), features)
    seconds = {"frozen": time.monotonic() - started}
    examples = context.examples
    labels = ValidationLabels.count(examples.labels[examples.rows("validation")], examples.tasks)
    reason = reason_not_to_compare(labels)
    if reason is not None and plan.may_stay_frozen:
        context.progress.note(f"auto: the backbone stays frozen, because {reason}.")
        return _with_decision(
            frozen, AutoDecision(labels=labels, trained=False, reason=reason, seconds=seconds)
        )
    if frozen.model is not model:
        start = run_phases(plan.start, model, context.in_folder("start"), None)
    if reason is None:
        return _Search(plan, context, start, frozen).run(labels, seconds)
    usual = min(plan.candidates, key=lambda c: abs(c.backbone_learning_rate - DEFAULT_RATE))
    context.progress.note(
        f"auto: the backbone's learning rate is {usual.backbone_learning_rate:g}, because {reason}."
    )
    result = run_phases(plan.fine_tuned(usual), model, context, None, start=start)
    decision = AutoDecision(
        labels=labels, trained=not result.is_frozen, reason=reason, seconds=seconds
    )
    return _with_decision(result, decision)


def reason_not_to_compare(labels: ValidationLabels) -> str | None:
    """Returns why no two models can be compared on validation labels, or None.

    The criterion is the rarer class of the median task: at least 20 labels of it are known.
    """
    if labels.median >= FEW_LABELS:
        return None
    rarest = min(labels.rarer, key=lambda task: labels.rarer[task])
    return (
        f"the median task has {labels.median:g} known validation labels of its rarer class, fewer "
        f"than {FEW_LABELS} (fewest: {rarest} with {labels.rarer[rarest]}), so models cannot be "
        "compared"
    )


def best_rate(
    logits: Sequence[np.ndarray], labels: np.ndarray, groups: np.ndarray | None, *, seed: int
) -> int:
    """Returns the place of the logits with the lowest calibrated loss, or the next place.

    Logits are those of short trainings, in the order of their rates. A longer training makes more
    of a high rate than a short one does, so the next higher rate is used if its loss is within a
    standard error of the lowest one. All are of the validation examples, logits and labels (NaN if
    unknown) `(examples, tasks)`; the seed is that of the bootstrap.
    """
    best = int(np.argmin([calibrated_loss(found, labels) for found in logits]))
    higher = best + 1
    if higher == len(logits):
        return best
    gain = measure_gain(logits[best], logits[higher], labels, groups, seed=seed)
    return higher if -gain.loss <= gain.standard_error else best


class _Search:
    """The search for the best rate of fine-tuning from a start, and the decision about it.

    Rates are compared with the start, and the model that was fine-tuned at the best one with the
    model that stays frozen.
    """

    def __init__(
        self, plan: SearchPlan, context: TrainingContext, start: ModelResult, frozen: ModelResult
    ):
        self.plan = plan
        self.model = start.model
        self.context = context
        self.start = start
        self.frozen = frozen
        examples, rows = context.examples, context.examples.rows("validation")
        self._labels = examples.labels[rows]
        self._groups = None if examples.groups is None else examples.groups[rows]
        self._trial_logits: list[np.ndarray] = []
        self._start_weights = [keras.ops.convert_to_numpy(v) for v in self.model.variables]
        self._start_logits = _validation_logits(start, examples)
        self._frozen_logits = _validation_logits(frozen, examples)

    def run(self, labels: ValidationLabels, seconds: dict[str, float]) -> ModelResult:
        """Fine-tunes at the best rate; gives the model back its weights if that is not better."""
        started = time.monotonic()
        trials = self._trials()
        place = 0
        if trials:
            place = best_rate(self._trial_logits, self._labels, self._groups, seed=self.plan.seed)
        best = self.plan.candidates[place]
        tuned = run_phases(
            self.plan.fine_tuned(best), self.model, self.context, None, start=self.start
        )
        logits = _validation_logits(tuned, self.context.examples)
        # its rate is the best of those tried, and its epoch the best one: 2 for each rate
        gain = self._gain(self._frozen_logits, logits, choices=2 * max(len(trials), 1))
        is_better = gain.is_larger_than_noise if self.plan.may_stay_frozen else gain.loss > 0
        seconds = {**seconds, "fine_tuning": time.monotonic() - started}
        if not is_better:
            self._go_back()
            # the history of both, for the learning curves
            tried = [{**row, "kept": False} for row in tuned.history[len(self.start.history) :]]
            tuned = replace(self.frozen, history=[*self.frozen.history, *tried])
        decision = AutoDecision(
            labels=labels,
            trained=is_better,
            reason="better on validation" if is_better else "not clearly better on validation",
            seconds=seconds,
            rate=best.backbone_learning_rate,
            trials=trials,
            gain=gain,
        )
        self.context.progress.note(_decision_text(decision))
        return _with_decision(tuned, decision)

    def _trials(self) -> tuple[RateTrial, ...]:
        """Returns the short trainings, none if there is only one rate.

        The lowest rate is first. If one clearly harms, higher ones are not tried.
        """
        candidates = self.plan.candidates
        if len(candidates) == 1:
            return ()
        epochs, rates = candidates[0].trial().epochs, len(candidates)
        self.context.progress.note(
            f"auto: {rates} learning rates of the backbone are tried for {epochs} of "
            f"{candidates[0].epochs} epochs each, then the best is used for all of them. To skip "
            "this, set fit.backbone_learning_rate; fewer fit.epochs make it shorter."
        )
        trials: list[RateTrial] = []
        for phase in candidates:
            trials.append(self._trial(phase))
            if trials[-1].gain.high < 0:
                break
        return tuple(trials)

    def _trial(self, candidate: FineTune) -> RateTrial:
        phase, rate = candidate.trial(), candidate.backbone_learning_rate
        started = time.monotonic()
        context = self.context.in_folder(f"rate_{rate:g}")
        fine_tune(phase, self.model, context, self.start.exact, self.start.features)
        logits = _held_out_logits(self.model, context)
        self._go_back()
        self._trial_logits.append(logits)
        trial = RateTrial(
            rate=rate,
            epochs=phase.epochs,
            loss=calibrated_loss(logits, self._labels),
            auc=_macro_auc(logits, self._labels),
            gain=self._gain(self._start_logits, logits),
            seconds=time.monotonic() - started,
        )
        context.progress.note(_trial_text(trial))
        return trial

    def _gain(self, before: np.ndarray, after: np.ndarray, *, choices: int = 1) -> Gain:
        """Returns how much better the second logits of the validation examples are."""
        return measure_gain(
            before, after, self._labels, self._groups, seed=self.plan.seed, choices=choices
        )

    def _go_back(self) -> None:
        """Gives the model the state that it had after its heads were solved or fitted."""
        for variable, value in zip(self.model.variables, self._start_weights, strict=True):
            variable.assign(value)
        apply_policy(find_layer(self.model), False)


def _validation_logits(result: ModelResult, examples: Examples) -> np.ndarray:
    """Returns the logits of the validation examples; out of fold if heads were fitted on them."""
    exact = result.exact
    if exact is not None and "validation" in result.fitted_on:
        leveled = level_folds(exact.out_of_fold_logits, exact.folds)
        return leveled[examples.splits[examples.rows(*result.fitted_on)] == "validation"]
    logits = HeadLogits(result.model, examples.tasks)(result.features)
    return logits[examples.rows("validation")]


def _held_out_logits(model: keras.Model, context: TrainingContext) -> np.ndarray:
    """Returns the logits of the validation examples, which pass through the backbone."""
    rows, inputs = context.examples.rows("validation"), context.inputs
    dtype = inputs.take(rows[:1]).dtype
    engine = KerasEngine(feature_model(model), dtype, num_examples=len(rows))
    batches = (inputs.take(rows[begin : begin + _ROWS]) for begin in range(0, len(rows), _ROWS))
    logits_of = HeadLogits(model, context.examples.tasks)
    return np.concatenate([logits_of(features) for features in engine.run(batches)])


def _macro_auc(logits: np.ndarray, labels: np.ndarray) -> float:
    probabilities = scipy.special.expit(logits)
    return mean_of_defined(
        [
            score_task(labels[:, task], probabilities[:, task], threshold=0.5).auc
            for task in range(labels.shape[1])
        ]
    )


def _trial_text(trial: RateTrial) -> str:
    return (
        f"auto: rate {trial.rate:g}, {counted(trial.epochs, 'epoch')}: "
        f"validation loss {trial.loss:.4f} ({-trial.gain.loss:+.4f} from its start), "
        f"AUC {trial.auc:.4f}, {trial.seconds:.0f} s."
    )


def _decision_text(decision: AutoDecision) -> str:
    gain, seconds = decision.gain, decision.seconds
    assert gain is not None
    verdict = "it is kept" if decision.trained else "this is not clear, so the backbone is frozen"
    tried = sum(trial.seconds for trial in decision.trials)
    return (
        f"auto: fine-tuning at rate {decision.rate:g} changed the validation loss by "
        f"{-gain.loss:+.4f} (95 % {-gain.high:+.4f} to {-gain.low:+.4f} for the best of "
        f"{gain.choices}, {gain.known} known labels); {verdict}. The frozen heads took "
        f"{seconds['frozen']:.0f} s, fine-tuning {seconds['fine_tuning']:.0f} s, of which "
        f"{tried:.0f} s to try rates."
    )


def _with_decision(result: ModelResult, decision: AutoDecision) -> ModelResult:
    return replace(result, evidence=replace(result.evidence, auto=decision))
