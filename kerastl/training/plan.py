"""The training plan: the phases that a config asks for, each with its own settings.

Convention: the plan is the only place that interprets `trainable`, `heads`, `fit` and `augment`. A
phase holds everything that its execution needs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from kerastl.config import AugmentConfig, Config, ExactFit, KerasFit, LossConfig
from kerastl.config.head import Head
from kerastl.config.policies import TrainablePolicy
from kerastl.config.training_sections import Part
from kerastl.features.engines.engine import EngineName

DEFAULT_RATE = 1e-4  # of the backbone
TRIED_RATES = (1e-5, 1e-4, 3e-4, 1e-3)
TRIAL_SHARE = 0.5  # of the epochs of fine-tuning


@dataclass(frozen=True, kw_only=True)
class SolveHeads:
    """Solves linear heads on the features of the frozen backbone to their optimum."""

    loss: LossConfig
    regularization: float | str  # strength of L2, or `"auto"` for cross-validation per task
    num_folds: int
    parts: tuple[Part, ...]  # the splits whose rows are fitted
    seed: int

    augment: ClassVar[None] = None
    uses_features: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class KerasPhase:
    """Settings that every phase fitted by Keras has."""

    name: ClassVar[str]

    loss: LossConfig
    epochs: int  # at most
    batch_size: int
    patience: int | None  # epochs without improvement before training stops
    learning_rate: float  # the highest of the heads
    seed: int  # of the order of examples and of augmentation
    augment: AugmentConfig | None = None
    # Whether the starting weights count as epoch 0, kept if no epoch is better on validation.
    keeps_start: bool = False
    # Whether the shipped model is calibrated, and so the validation loss that compares epochs.
    is_calibrated: bool = True


@dataclass(frozen=True, kw_only=True)
class FitHeads(KerasPhase):
    """Fits heads with Keras while the backbone is frozen, at a constant learning rate.

    Without augmentation the heads are fitted on features, otherwise through the backbone.
    """

    name: ClassVar[str] = "heads"

    @property
    def uses_features(self) -> bool:
        """Whether the inputs are features that are computed once."""
        return self.augment is None


@dataclass(frozen=True, kw_only=True)
class FineTune(KerasPhase):
    """Trains the heads and what the policy unfreezes in the backbone."""

    name: ClassVar[str] = "fine_tuning"
    uses_features: ClassVar[bool] = False

    policy: TrainablePolicy
    backbone_learning_rate: float  # the highest
    schedule: str  # after the warm-up: "constant" or "cosine"
    warmup_epochs: float  # in which the rates rise from 0; may be part of one
    variation: str | None  # config key that makes the inputs differ from epoch to epoch

    def trial(self) -> "FineTune":
        """Returns a short version of the phase, with the whole course of the rates."""
        epochs = max(round(TRIAL_SHARE * self.epochs), 1)
        warmup = self.warmup_epochs * epochs / self.epochs
        return replace(self, epochs=epochs, warmup_epochs=warmup, patience=None)


Phase = SolveHeads | FitHeads | FineTune


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """Phases in the order of their execution, at least one."""

    phases: tuple[Phase, ...]
    engine: EngineName  # that passes examples through a frozen backbone

    @property
    def is_frozen(self) -> bool:
        """Whether the backbone is frozen in every phase."""
        return not any(isinstance(phase, FineTune) for phase in self.phases)

    @property
    def fitted_on(self) -> tuple[Part, ...]:
        """The splits whose rows the weights are fitted on."""
        (*_, last) = self.phases
        return last.parts if isinstance(last, SolveHeads) else ("train",)


@dataclass(frozen=True, kw_only=True)
class SearchPlan:
    """Heads on the frozen backbone, and fine-tuning that starts from them at the best rate."""

    start: TrainingPlan  # of the heads that fine-tuning starts from
    frozen: TrainingPlan | None  # of the heads of the model that stays so; None if it is the start
    candidates: tuple[FineTune, ...]  # fine-tuning at each rate, the lowest first
    # Whether the backbone does, unless fine-tuning is better by more than noise (`auto`).
    may_stay_frozen: bool
    seed: int  # of the comparisons

    @property
    def phases(self) -> tuple[Phase, ...]:
        """All phases, in the order of their execution."""
        frozen = () if self.frozen is None else self.frozen.phases
        return (*frozen, *self.start.phases, *self.candidates)

    @property
    def engine(self) -> EngineName:
        """Engine that passes examples through a frozen backbone."""
        return self.start.engine

    @property
    def fitted_on(self) -> tuple[Part, ...]:
        """The splits whose rows weights may be fitted on."""
        return (self.frozen or self.start).fitted_on

    def fine_tuned(self, candidate: FineTune) -> TrainingPlan:
        """Returns the plan of a candidate, which starts from the solved or fitted heads."""
        return TrainingPlan(phases=(candidate,), engine=self.engine)


def plan_training(config: Config, heads: Sequence[Head]) -> TrainingPlan | SearchPlan:
    """Returns the plan that a config asks for.

    With a frozen backbone there is one phase, which solves or fits the heads. Otherwise the heads
    are solved if they are linear, or else fitted, before everything is fine-tuned from there. If
    the backbone starts at random, there is nothing to fit heads on: fine-tuning is the only phase.
    """
    fit, policy = config.fit, TrainablePolicy.parse(config.trainable)
    if isinstance(fit, ExactFit):
        return TrainingPlan(phases=(_solving(config, fit),), engine=fit.engine)
    augment = config.augment if config.augment is not None and config.augment.active else None
    if policy.is_frozen:
        return _plan(fit, _fitting(config, fit, augment))
    first = _first_phase(config, fit, heads)
    is_random, is_auto = config.backbone.weights is None, policy.backbone == "auto"
    tuned = TrainablePolicy(backbone="all") if is_auto else policy
    rates = _rates(fit, is_random=is_random, is_auto=is_auto)
    is_search = is_auto or len(rates) > 1
    candidates = tuple(
        FineTune(
            **_keras_settings(config, fit),
            learning_rate=fit.learning_rate if is_random else fit.fine_tuning_learning_rate or rate,
            augment=augment,
            keeps_start=not is_random and not is_search,
            policy=tuned,
            backbone_learning_rate=rate,
            schedule=fit.schedule,
            warmup_epochs=fit.warmup_epochs,
            variation=_variation(config, augment),
        )
        for rate in rates
    )
    if is_search:
        return SearchPlan(
            start=_plan(fit, first),
            frozen=None
            if config.features is None
            else _plan(fit, _first_phase(config, fit, heads, is_last=True)),
            candidates=candidates,
            may_stay_frozen=is_auto,
            seed=fit.seed,
        )
    return _plan(fit, *(() if is_random else (first,)), *candidates)


def _rates(fit: KerasFit, *, is_random: bool, is_auto: bool) -> tuple[float, ...]:
    """Returns the learning rates of the backbone of which the best is used."""
    rate = fit.backbone_learning_rate
    if rate is None:
        rate = "auto" if is_auto else DEFAULT_RATE
    if rate != "auto":
        return (float(rate),)
    return (fit.learning_rate,) if is_random else TRIED_RATES


def _plan(fit: KerasFit, *phases: Phase) -> TrainingPlan:
    return TrainingPlan(phases=phases, engine=fit.engine)


def _first_phase(
    config: Config, fit: KerasFit, heads: Sequence[Head], *, is_last: bool = False
) -> SolveHeads | FitHeads:
    if all(head.is_linear for head in heads):
        return _solving(config, ExactFit(seed=fit.seed, refit=is_last))
    return _fitting(config, fit, None)


def _solving(config: Config, fit: ExactFit) -> SolveHeads:
    # Recordings that thresholds are chosen on may be those of the validation rows.
    refits = fit.refit and fit.regularization == "auto" and config.evaluation.recordings is None
    return SolveHeads(
        loss=config.loss,
        regularization=fit.regularization,
        num_folds=fit.folds,
        parts=("train", "validation") if refits else ("train",),
        seed=fit.seed,
    )


def _fitting(config: Config, fit: KerasFit, augment: AugmentConfig | None) -> FitHeads:
    settings = _keras_settings(config, fit)
    return FitHeads(**settings, learning_rate=fit.learning_rate, augment=augment)


def _keras_settings(config: Config, fit: KerasFit) -> dict[str, Any]:
    same = {key: getattr(fit, key) for key in ("epochs", "batch_size", "patience", "seed")}
    return {"loss": config.loss, "is_calibrated": config.evaluation.calibrate, **same}


def _variation(config: Config, augment: AugmentConfig | None) -> str | None:
    if augment is not None:
        return f"augment.{augment.active[0]}"
    return config.data.media.drawing_setting(config.data.media_settings)
