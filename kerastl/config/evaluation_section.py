"""Settings of `evaluation`: thresholds, calibration, intervals, and listening to recordings."""

from typing import Annotated, Any

from pydantic import Field, Tag, ValidationInfo, field_validator

from kerastl.config.policies import FALSE_ACCEPTS, ThresholdPolicy
from kerastl.settings import Count, FilePath, Positive, Section, Seed, choice, shape

_DEFAULT_POLICY = ThresholdPolicy("youden")


class ListeningConfig(Section):
    """How an audio model slides its window over long recordings."""

    hop_seconds: Positive = Field(
        default=0.1, description="Time from one window to the next, at most the length of a window."
    )
    smooth_windows: Count = Field(
        default=3,
        description="Number of most recent windows that a score is averaged over; 1: no smoothing.",
    )
    refractory_seconds: Positive = Field(
        default=1.0,
        description="Time after a detection during which the same word is not detected again.",
    )
    tolerance_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        default=0.1,
        description="Largest distance of the middle of an event from the window that detects it.",
    )


def _threshold_shape(value: Any) -> str | None:
    tags = {"<text>": "<policy>", "<number>": "<policy>", "<keys>": "<keys>"}
    return "<policy>" if isinstance(value, ThresholdPolicy) else tags.get(shape(value) or "")


class EvaluationConfig(Section):
    """How decisions are made and scores are computed."""

    threshold: Annotated[
        Annotated[ThresholdPolicy, Tag("<policy>")]
        | Annotated[dict[str, ThresholdPolicy], Tag("<keys>")],
        choice(
            "a policy such as youden, a probability, or one of them per task", by=_threshold_shape
        ),
    ] = Field(
        default="youden",
        validate_default=True,  # parses it
        description="Lowest probability that means yes: youden, f1, sensitivity>=0.9, "
        "specificity>=0.95, precision>=0.8, or the probability itself, above 0 and below 1; or one "
        "of these per task, youden for the others. Chosen on out-of-fold or validation "
        "predictions, never on test. For audio also false_accepts_per_hour<=1, chosen on the "
        "long recordings of `recordings`. >= and <= are promises about new data, by a bound of "
        "90 %; sensitivity~0.9 and the like hold on the examples of the choice only.",
    )
    recordings: FilePath | None = Field(
        default=None,
        validate_default=True,  # for the policy that needs them
        description="Table of long recordings for validation with the columns path, word, "
        "start_seconds, end_seconds and, for promises, speaker; false_accepts_per_hour<=x is "
        "chosen on them. Relative to the folder of the config.",
    )
    negatives: FilePath | None = Field(
        default=None,
        validate_default=True,
        description="Table of recordings without any of the words, as `kerastl data negatives` "
        "makes it; they may only raise the thresholds of false_accepts_per_hour<=x.",
    )
    listening: ListeningConfig = Field(
        default=ListeningConfig(), description="How an audio model listens to long recordings."
    )
    calibrate: bool = Field(
        default=True,
        description="Whether logits are calibrated with a scale and offset per task (Platt). "
        "Without, only loss.positive_weight and loss.label_smoothing are undone.",
    )
    bootstrap: Annotated[int, Field(ge=0)] = Field(
        default=1000, description="Bootstrap replicates for the intervals; 0: no intervals."
    )
    seed: Seed = Field(default=0, description="Seed of the bootstrap.")

    @field_validator("recordings")
    @classmethod
    def _serve_a_policy(cls, recordings: Any, info: ValidationInfo) -> Any:
        if (threshold := info.data.get("threshold")) is None:
            return recordings
        policies = threshold.values() if isinstance(threshold, dict) else [threshold]
        rates = [policy for policy in policies if policy.needs_recordings]
        if rates and recordings is None:
            raise ValueError(f"missing. {rates[0]} is chosen on long recordings: name their table.")
        if recordings is not None and not rates:
            raise ValueError(f"has no effect without threshold: {FALSE_ACCEPTS}<=x.")
        return recordings

    @field_validator("negatives")
    @classmethod
    def _accompany_recordings(cls, negatives: Any, info: ValidationInfo) -> Any:
        if negatives is not None and info.data.get("recordings") is None:
            raise ValueError(f"has no effect without recordings and {FALSE_ACCEPTS}<=x.")
        return negatives

    def policy(self, task: str) -> ThresholdPolicy:
        """Returns the policy of one task."""
        if isinstance(self.threshold, dict):
            return self.threshold.get(task, _DEFAULT_POLICY)
        return self.threshold
