"""Settings of what is trained and how: heads, trainable, loss and fit."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, Tag

from kerastl.settings import (
    Count,
    Fraction,
    Listed,
    Positive,
    Section,
    Seed,
    SomeTexts,
    Text,
    choice,
    shape,
    tag_by_key,
)
from kerastl.settings.fields import is_flag_word

_STATISTICS = "Statistics of BatchNorm: kept (frozen) or updated on the new data (update)."
BatchNorm = Annotated[Literal["frozen", "update"], Field(description=_STATISTICS)]
Units = Annotated[int, Field(ge=1, le=16_384)]


class HeadConfig(Section):
    """One named output that answers one or more tasks."""

    tasks: SomeTexts = Field(description="Tasks that this head answers.")
    hidden: Annotated[tuple[Units, ...], Listed] = Field(
        default=(), description="Units of each hidden layer, input to output; none: a linear head."
    )
    dropout: Fraction = Field(
        default=0.0, description="Fraction of the features dropped in training, 0 to below 1."
    )
    weight: Positive = Field(default=1.0, description="Weight of the loss of this head, above 0.")


class TrainableStages(Section):
    """The last stages of the backbone are trained."""

    stages: Count = Field(description="Number of stages that are trained, counted from the output.")
    batch_norm: BatchNorm = "frozen"


class TrainableVariables(Section):
    """The variables of the backbone whose paths match are trained."""

    variables: Annotated[
        SomeTexts,
        BeforeValidator(
            lambda value: [value] if isinstance(value, str) else value,
            json_schema_input_type=Text | SomeTexts,
        ),
    ] = Field(description='Pattern of variable paths, or a list of them; "*" is all.')
    batch_norm: BatchNorm = "frozen"


class TrainableAdapters(Section):
    """Low-rank adapters (LoRA) of dense layers are trained, then merged into the layers."""

    lora: Count = Field(description="Rank of the adapters, such as 8.")


def _tag_of_rate(value: Any) -> str | None:
    return None if isinstance(value, str) and value != "auto" else shape(value)


class LossConfig(Section):
    """The masked loss."""

    label_smoothing: Fraction = Field(
        default=0.0, description="How far labels are moved toward 0.5, 0 to below 1."
    )
    positive_weight: Annotated[
        Annotated[Literal["auto"], Tag("<text>")]
        | Annotated[Positive, Tag("<number>")]
        | Annotated[dict[str, Positive], Tag("<keys>")]
        | Annotated[None, Tag("<null>")],
        choice("null, auto, a number, or a number per task"),
    ] = Field(
        default=None,
        description="Weight of the loss of positive labels: null is 1; auto balances each task by "
        "its known training labels; a number, or a number per task.",
    )
    task_weight: Annotated[
        Annotated[Literal["auto"], Tag("<text>")]
        | Annotated[dict[str, Positive], Tag("<keys>")]
        | Annotated[None, Tag("<null>")],
        choice("auto, null, or a number per task"),
    ] = Field(
        default="auto",
        description="Weight of the loss of each task, times the weight of its head: auto gives "
        "tasks with fewer known training labels more weight if they share hidden layers or a "
        "trained backbone; null is 1; or a number per task. Solved heads don't depend on it.",
    )


Part = Literal["train", "validation"]

Engine = Annotated[
    Literal["auto", "keras", "openvino"],
    Field(
        description="Engine that computes the features of a frozen backbone: auto (the fastest "
        "that agrees with Keras), keras or openvino."
    ),
]


class ExactFit(Section):
    """Settings of the exact solver: linear heads on frozen features, solved to their optimum."""

    solver: Literal["exact"] = Field(default="exact", description="exact or keras.")
    regularization: Annotated[
        Annotated[Literal["auto"], Tag("<text>")] | Annotated[Positive, Tag("<number>")],
        choice("auto or a number above 0"),
    ] = Field(
        default="auto",
        description="Strength of L2, above 0; auto chooses it per task by cross-validation.",
    )
    folds: Annotated[int, Field(ge=2)] = Field(
        default=5, description="Folds of the cross-validation, 2 or more; groups are kept whole."
    )
    refit: bool = Field(
        default=True,
        description="Solve the heads on the validation rows too. Thresholds, calibration and the "
        "scores of these rows come from out-of-fold predictions; without effect if regularization "
        "is a number or thresholds are chosen on recordings.",
    )
    seed: Seed = Field(default=0, description="Seed of the folds.")
    engine: Engine = "auto"

    @classmethod
    def explain_misplaced(cls, key: str, given: Mapping[str, Any]) -> str:
        """Returns the message for a key of `KerasFit`."""
        why = "" if "solver" in given else ", the default for linear heads on a frozen backbone"
        return f"has no effect with solver: exact{why}. Set fit.solver: keras, or remove fit.{key}."


class KerasFit(Section):
    """Settings of fitting with Keras."""

    solver: Literal["keras"] = Field(default="keras", description="exact or keras.")
    epochs: Count = Field(
        default=20, description="Largest number of passes over the training rows."
    )
    batch_size: Count = Field(default=32, description="Examples per step.")
    learning_rate: Positive = Field(
        default=1e-3, description="Learning rate of heads with random initial weights, above 0."
    )
    backbone_learning_rate: Annotated[
        Annotated[Literal["auto"], Tag("<text>")]
        | Annotated[Positive, Tag("<number>")]
        | Annotated[None, Tag("<null>")],
        choice("null, auto or a number above 0", by=_tag_of_rate),
    ] = Field(
        default=None,
        description="Learning rate of the trained part of the backbone, above 0; auto tries 1e-5, "
        "1e-4, 3e-4 and 1e-3 briefly and uses the best on validation, or learning_rate if the "
        "weights are random; null is auto with trainable: auto, and otherwise 1e-4.",
    )
    fine_tuning_learning_rate: Positive | None = Field(
        default=None,
        description="Learning rate of the heads during fine-tuning, after they were fitted on the "
        "frozen backbone; null is the rate of the backbone.",
    )
    warmup_epochs: Annotated[int, Field(ge=0)] = Field(
        default=1, description="Epochs of fine-tuning over which the learning rates rise from 0."
    )
    schedule: Literal["cosine", "constant"] = Field(
        default="cosine",
        description="Learning rates of fine-tuning after the warm-up: cosine (to 0) or constant.",
    )
    patience: Count | None = Field(
        default=5,
        description="Number of epochs without a lower calibrated validation loss before training "
        "stops; null: never.",
    )
    seed: Seed = Field(
        default=0, description="Seed of initial weights, order of examples and augmentation."
    )
    engine: Engine = "auto"

    @classmethod
    def explain_misplaced(cls, key: str, given: Mapping[str, Any]) -> str:
        """Returns the message for a key of `ExactFit`."""
        if "solver" in given:
            return f"has no effect with solver: keras. Set fit.solver: exact, or remove fit.{key}."
        return (
            "has no effect with solver: keras, the default if the backbone is trained, a head has "
            f"hidden layers or dropout, or examples are augmented. Remove fit.{key}."
        )


class DistributeConfig(Section):
    """Training on several devices and machines, which share each batch."""

    devices: Annotated[
        Annotated[Literal["all"], Tag("<text>")] | Annotated[Count, Tag("<number>")],
        choice("all or a number"),
    ] = Field(
        default="all",
        description="Number of devices of each machine: GPUs, or its processor if it has none.",
    )
    workers: Count = Field(
        default=1,
        description="Number of processes, one on each machine; each is started with --workers and "
        "--worker, or has TF_CONFIG.",
    )


def _tag_by_solver(value: Any) -> str | None:
    if shape(value) != "<keys>":
        return None
    solver = value.get("solver") if isinstance(value, dict) else value.solver
    return "<exact>" if solver == "exact" else "<keras>"


Heads = Annotated[
    Annotated[Literal["single", "multi"], Tag("<text>")]
    | Annotated[dict[Text, HeadConfig], Field(min_length=1), Tag("<keys>")],
    choice("single, multi, or heads by name"),
]
Trainable = Annotated[
    Annotated[bool, Tag("<flag>")]
    | Annotated[Literal["auto"], Tag("<text>")]
    | Annotated[TrainableStages, Tag("<stages>")]
    | Annotated[TrainableVariables, Tag("<variables>")]
    | Annotated[TrainableAdapters, Tag("<lora>")],
    choice(
        "false, true, auto, {stages: 2}, {variables: pattern} or {lora: 8}",
        by=lambda value: (
            "<flag>"
            if is_flag_word(value)
            else tag_by_key(value, variables="<variables>", lora="<lora>", otherwise="<stages>")
        ),
    ),
]
Fit = Annotated[
    Annotated[ExactFit, Tag("<exact>")] | Annotated[KerasFit, Tag("<keras>")],
    choice("keys, with solver: exact or solver: keras", by=_tag_by_solver),
]
