"""The schema of `evaluation`: thresholds, calibration, intervals, and listening to recordings.

Convention: a default stands here and nowhere else.
"""

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    Field,
    Tag,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from kerastl.config import checks
from kerastl.settings import Count, FilePath, Positive, Section, Seed, Text, choice, refuse


def _without_spaces(policy: str) -> str:
    compact = "".join(policy.split())
    refuse(checks.threshold_policy(compact, written=policy))
    return compact


PolicyText = Annotated[
    Text,
    AfterValidator(_without_spaces),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\s*(youden|f1|(sensitivity|specificity|precision)\s*>=\s*[0-9.]+"
            r"|false_accepts_per_hour\s*<=\s*[0-9.]+)\s*$",
        }
    ),
]
Between = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
ThresholdPolicy = Annotated[
    Annotated[PolicyText, Tag("<text>")] | Annotated[Between, Tag("<number>")],
    choice("a policy such as youden, or a probability"),
]


class ListeningConfig(Section):
    """How a model of short sounds listens to long ones: its window slides over them."""

    hop_seconds: Positive = Field(
        default=0.1,
        description="From the start of one window to the start of the next; at most its length.",
    )
    smooth_windows: Count = Field(
        default=3, description="How many windows a score is averaged over, the last ones; 1: none."
    )
    refractory_seconds: Positive = Field(
        default=1.0, description="How long a word that was detected isn't detected again."
    )
    tolerance_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        default=0.1,
        description="How far outside of the window that detects it the middle of an event may lie.",
    )


class EvaluationConfig(Section):
    """How decisions and figures are made."""

    threshold: Annotated[
        Annotated[PolicyText, Tag("<text>")]
        | Annotated[Between, Tag("<number>")]
        | Annotated[dict[str, ThresholdPolicy], Tag("<keys>")],
        choice("a policy such as youden, a probability, or one of them per task"),
    ] = Field(
        default="youden",
        description="From which probability on the answer is yes: youden, f1, sensitivity>=0.9, "
        "specificity>=0.95, precision>=0.8, or the probability itself, above 0 and below 1; or one "
        "of these per task, youden for the others. Chosen on out-of-fold or validation "
        "predictions, never on test. Of sounds also false_accepts_per_hour<=1, chosen on the "
        "long recordings of `recordings`.",
    )
    recordings: FilePath | None = Field(
        default=None,
        validate_default=True,  # for the policy that needs them
        description="Table of long recordings for validation with the columns path, word, "
        "start_seconds and end_seconds; false_accepts_per_hour<=x is chosen on them. Relative to "
        "the config's folder.",
    )
    listening: ListeningConfig = Field(
        default=ListeningConfig(), description="How the model of sounds listens to long ones."
    )
    calibrate: bool = Field(
        default=True, description="Whether logits get a scale and an offset per task (Platt)."
    )
    bootstrap: Annotated[int, Field(ge=0)] = Field(
        default=1000, description="Replicates of the bootstrap behind the intervals; 0: none."
    )
    seed: Seed = Field(default=0, description="Seed of the bootstrap.")

    @field_validator("recordings")
    @classmethod
    def _serve_a_policy(cls, recordings: Any, info: ValidationInfo) -> Any:
        refuse(checks.recordings_serve(recordings, info.data.get("threshold")))
        return recordings

    def policy(self, task: str) -> str | float:
        """The threshold's policy of one task."""
        if isinstance(self.threshold, dict):
            return self.threshold.get(task, str(type(self).model_fields["threshold"].default))
        return self.threshold
