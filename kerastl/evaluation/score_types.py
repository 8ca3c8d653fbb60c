"""The scores of a split and of recordings, as frozen records.

Convention: an undefined score is NaN here, null in JSON and a dash on the terminal, never 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass

SCORES = (
    "auc",
    "average_precision",
    "log_loss",
    "brier",
    "expected_calibration_error",
    "accuracy",
    "sensitivity",
    "specificity",
    "f1",
)
Interval = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class IntervalFacts:
    """How intervals were computed, or why there are none.

    Args:
        method: In words; None if there are no intervals.
        replicates: Number of bootstrap replicates; 0 if there are no intervals.
        groups: Number of groups with known labels.
        undefined_replicates: Number of replicates without positives or without negatives.
        reason: Why there are no intervals, or a caution about them; None otherwise.
    """

    method: str | None
    replicates: int
    groups: int
    undefined_replicates: int
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class CalibrationScores:
    """Scores that depend on calibration.

    Args:
        log_loss: Mean logistic loss in nats; 0 is best.
        brier: Mean squared error of the probability; 0 is best.
        expected_calibration_error: Mean gap between probability and share of positives; 0 is best.
    """

    log_loss: float
    brier: float
    expected_calibration_error: float


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Every score of `SCORES` and its 95 % interval."""

    auc: float
    average_precision: float
    log_loss: float
    brier: float
    expected_calibration_error: float
    accuracy: float
    sensitivity: float
    specificity: float
    f1: float
    auc_interval: Interval | None
    average_precision_interval: Interval | None
    log_loss_interval: Interval | None
    brier_interval: Interval | None
    expected_calibration_error_interval: Interval | None
    accuracy_interval: Interval | None
    sensitivity_interval: Interval | None
    specificity_interval: Interval | None
    f1_interval: Interval | None

    def value(self, name: str) -> float:
        """Returns a score by its name."""
        return float(getattr(self, name))

    def interval(self, name: str) -> Interval | None:
        """Returns the interval of a score by its name."""
        found: Interval | None = getattr(self, f"{name}_interval")
        return found


@dataclass(frozen=True, kw_only=True)
class TaskScores(Scores):
    """Scores of one task.

    Args:
        known: Number of known labels.
        positives: Number of positives among them.
        threshold: A probability at or above it counts as positive.
        intervals: How the intervals were computed.
        before_calibration: Scores of the uncalibrated probabilities, if they were computed.
    """

    known: int
    positives: int
    threshold: float
    intervals: IntervalFacts
    before_calibration: CalibrationScores | None = None


@dataclass(frozen=True, kw_only=True)
class MacroScores(Scores):
    """Means over the tasks for which a score is defined.

    Args:
        defined: Number of tasks with an AUC.
        known: Number of known labels of all tasks.
        examples: Number of examples.
        intervals: How the intervals were computed.
        before_calibration: Scores of the uncalibrated probabilities, if they were computed.
    """

    defined: int
    known: int
    examples: int
    intervals: IntervalFacts
    before_calibration: CalibrationScores | None = None


@dataclass(frozen=True, kw_only=True)
class SplitScores:
    """Scores of one split.

    Args:
        macro: Means over tasks.
        tasks: Name of each task to its scores.
        tuned_on: What thresholds and calibration were chosen on, or None.
        note: Why the scores are too optimistic, or None.
    """

    macro: MacroScores
    tasks: Mapping[str, TaskScores]
    tuned_on: str | None
    note: str | None


@dataclass(frozen=True, kw_only=True)
class RateMethods:
    """How the intervals of the rates were computed; None if there is no interval."""

    missed_share: str | None
    false_accepts_per_hour: str


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Time from the end of an event to its detection, in seconds; NaN without detections."""

    median: float
    p90: float


@dataclass(frozen=True, kw_only=True)
class DetectionRates:
    """Missed events and false accepts.

    Args:
        events: Number of events.
        missed: Number of events without a detection.
        missed_share: In [0, 1]; NaN without events.
        missed_share_interval: 95 % interval, or None.
        false_accepts: Number of detections without an event.
        false_accepts_per_hour: Rate of false accepts.
        false_accepts_per_hour_interval: 95 % interval.
        intervals: How the intervals were computed.
        latency_seconds: Latency of the detected events.
    """

    events: int
    missed: int
    missed_share: float
    missed_share_interval: Interval | None
    false_accepts: int
    false_accepts_per_hour: float
    false_accepts_per_hour_interval: Interval
    intervals: RateMethods
    latency_seconds: Latency


@dataclass(frozen=True, kw_only=True)
class DetectionCurve:
    """Rates at other thresholds, from the highest threshold down.

    Args:
        thresholds: The thresholds.
        false_accepts_per_hour: Rate of false accepts at each.
        missed_share: Share of missed events at each; NaN without events.
    """

    thresholds: list[float]
    false_accepts_per_hour: list[float]
    missed_share: list[float]


@dataclass(frozen=True, kw_only=True)
class WordScores(DetectionRates):
    """Rates of one word at its threshold, and its curve."""

    threshold: float
    curve: DetectionCurve


@dataclass(frozen=True, kw_only=True)
class RecordingScores:
    """Scores on long recordings.

    Args:
        all: Rates of all words together.
        words: Name of each word to its scores.
        recordings: Number of recordings.
        hours: Total duration.
        real_time_factor: Processor time on one core divided by the duration of the audio.
        engine: Engine that computed the scores.
        listening: Settings of detection.
        rule: When a detection counts as correct, in words.
        tuned_on: Name of each word to what its threshold was chosen on.
        notes: Remarks in whole sentences.
    """

    all: DetectionRates
    words: Mapping[str, WordScores]
    recordings: int
    hours: float
    real_time_factor: float
    engine: str
    listening: Mapping[str, float]
    rule: str
    tuned_on: Mapping[str, str]
    notes: list[str]
