"""The config as frozen, strict models: every key, its meaning, its bounds and its default.

Convention: each default is stated in its section and nowhere else, except for keys of media types;
what several sections must agree on is checked by `consistency`, on the last of them.
"""

from typing import Any

from pydantic import Field, ValidationInfo, field_validator

from kerastl.config import consistency
from kerastl.config.augment_section import AugmentConfig, usual_augment_text
from kerastl.config.backbone_section import BackboneConfig
from kerastl.config.data_sections import DataConfig
from kerastl.config.evaluation_section import EvaluationConfig
from kerastl.config.features_section import Features
from kerastl.config.training_sections import DistributeConfig, Fit, Heads, LossConfig, Trainable
from kerastl.media.media_types import MEDIA_TYPES
from kerastl.settings import Section, refuse


def _usual_augments() -> str:
    usual = {
        media.collective: usual_augment_text(media)
        for media in MEDIA_TYPES.values()
        if media.usual_augment
    }
    return " and ".join(f"{text} for {inputs}" for inputs, text in usual.items())


class Config(Section):
    """The settings of one training."""

    data: DataConfig = Field(description="The table of examples and what its columns mean.")
    backbone: BackboneConfig = Field(description="The pretrained network.")
    heads: Heads = Field(
        default="single",
        description="single (one output for all tasks), multi (one output per task), or settings "
        "by name.",
    )
    trainable: Trainable = Field(
        default=False,
        description="Which part of the backbone is trained: false (none), true (all), auto "
        "(whichever is better on validation), the last stages, variables by name, or "
        "low-rank adapters.",
    )
    features: Features = Field(
        default_factory=dict,  # a validator chooses the features
        validate_default=True,
        description="What a frozen backbone computes of each example; auto, or {cost: 4} with the "
        "largest cost of a prediction, chooses by the out-of-fold loss; null: its feature vector "
        "of one view, which is the default if the backbone is trained. With trainable: auto it is "
        "what is computed if the backbone stays frozen, and the input has one size.",
    )
    loss: LossConfig = Field(default=LossConfig(), description="The masked loss.")
    augment: AugmentConfig | None = Field(
        default_factory=dict,  # a validator chooses the values
        validate_default=True,
        description="Random changes of training examples; null: none. If the backbone is trained, "
        f"keys that are not given are those of {_usual_augments()}; otherwise they are off.",
    )
    fit: Fit = Field(
        default_factory=dict,  # a validator chooses the solver
        validate_default=True,
        description="How the weights are fitted. Without solver: exact if the backbone is frozen, "
        "heads are linear and nothing is augmented; keras otherwise.",
    )
    distribute: DistributeConfig | None = Field(
        default=None,
        description="Devices and machines that Keras trains on, as one device would; null: one "
        "device of this machine.",
    )
    evaluation: EvaluationConfig = Field(
        default=EvaluationConfig(), description="Thresholds, calibration and intervals."
    )

    @field_validator(*consistency.CHECKS)
    @classmethod
    def _agrees_with_data(cls, value: Any, info: ValidationInfo) -> Any:
        if (data := info.data.get("data")) is not None:
            refuse(consistency.CHECKS[str(info.field_name)](value, data))
        return value

    @field_validator("augment", mode="before")
    @classmethod
    def _complete_augment(cls, augment: Any, info: ValidationInfo) -> Any:
        if not isinstance(augment, dict):
            return augment
        return {**consistency.default_augment(info.data), **augment} or None

    @field_validator("features", mode="before")
    @classmethod
    def _choose_features(cls, features: Any, info: ValidationInfo) -> Any:
        return consistency.chosen_features(features, info.data)

    @field_validator("features")
    @classmethod
    def _features_are_possible(cls, features: Any, info: ValidationInfo) -> Any:
        refuse(consistency.features_are_possible(features, info.data))
        return features

    @field_validator("fit", mode="before")
    @classmethod
    def _choose_solver(cls, fit: Any, info: ValidationInfo) -> Any:
        if not isinstance(fit, dict):
            return fit
        chosen = {"solver": consistency.default_solver(fit, info.data), **fit}
        refuse(consistency.solver_name(chosen["solver"]))
        return chosen

    @field_validator("fit")
    @classmethod
    def _solver_is_possible(cls, fit: Any, info: ValidationInfo) -> Any:
        if fit.solver == "exact":
            refuse(consistency.exact_is_possible(info.data))
        return fit

    @field_validator("distribute")
    @classmethod
    def _distribute_has_effect(cls, distribute: Any, info: ValidationInfo) -> Any:
        if distribute is not None and "fit" in info.data:
            refuse(consistency.distribute_has_effect(info.data["fit"]))
        return distribute
