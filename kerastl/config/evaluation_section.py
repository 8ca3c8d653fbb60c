"""The schema of `evaluation`: thresholds, calibration and intervals.

Convention: a default stands here and nowhere else.
"""

from typing import Annotated

from pydantic import AfterValidator, Field, Tag, WithJsonSchema

from kerastl.config import checks
from kerastl.config.fields import Section, Seed, Text, choice, refuse


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
            "pattern": r"^\s*(youden|f1|(sensitivity|specificity|precision)\s*>=\s*[0-9.]+)\s*$",
        }
    ),
]
Between = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
ThresholdPolicy = Annotated[
    Annotated[PolicyText, Tag("<text>")] | Annotated[Between, Tag("<number>")],
    choice("a policy such as youden, or a probability"),
]


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
        "predictions, never on test.",
    )
    calibrate: bool = Field(
        default=True, description="Whether logits get a scale and an offset per task (Platt)."
    )
    bootstrap: Annotated[int, Field(ge=0)] = Field(
        default=1000, description="Replicates of the bootstrap behind the intervals; 0: none."
    )
    seed: Seed = Field(default=0, description="Seed of the bootstrap.")

    def policy(self, task: str) -> str | float:
        """The threshold's policy of one task."""
        if isinstance(self.threshold, dict):
            return self.threshold.get(task, str(type(self).model_fields["threshold"].default))
        return self.threshold
