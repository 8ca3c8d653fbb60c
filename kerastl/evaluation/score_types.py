"""The scores of a split and of recordings, as frozen records.

Convention: an undefined score is NaN here, null in JSON and a dash on the terminal, never 0. Shares
and probabilities are in [0, 1].
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from kerastl.evaluation.adjusted_counting import PositiveShare
from kerastl.evaluation.promises import ThresholdFacts

MISS, FALSE_ACCEPT = "missed", "false accept"
Interval = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class IntervalFacts:
    """How intervals were computed, or why there are none."""

    method: str | None  # in words; None if there are no intervals
    replicates: int  # 0 if there are no intervals
    groups: int  # with known labels
    undefined_replicates: int  # without positives or without negatives
    reason: str | None  # why there are no intervals, or a caution about them


@dataclass(frozen=True, kw_only=True)
class CalibrationScores:
    """Scores that depend on calibration; 0 is best for each."""

    log_loss: float  # in nats
    brier: float  # mean squared error of the probability
    expected_calibration_error: float  # mean gap between probability and share of positives


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Every score of a task or of the mean over tasks, and its 95 % interval."""

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


SCORES = tuple(one.name for one in fields(Scores) if not one.name.endswith("_interval"))


@dataclass(frozen=True, kw_only=True)
class TaskScores(Scores):
    """Scores of one task, and of its uncalibrated probabilities if they were computed."""

    known: int  # labels
    positives: int
    threshold: float  # a probability at or above it counts as positive
    intervals: IntervalFacts
    before_calibration: CalibrationScores | None = None
    positive_share: PositiveShare | None = None  # with unknown labels, on the split it is from


@dataclass(frozen=True, kw_only=True)
class MacroScores(Scores):
    """Means over the tasks for which a score is defined."""

    defined: int  # tasks with an AUC
    known: int  # labels of all tasks
    examples: int
    intervals: IntervalFacts
    before_calibration: CalibrationScores | None = None


@dataclass(frozen=True, kw_only=True)
class SplitScores:
    """Scores of one split, by task and as means over tasks."""

    macro: MacroScores
    tasks: Mapping[str, TaskScores]
    tuned_on: str | None  # what thresholds and calibration were chosen on
    note: str | None  # why the scores are too optimistic
    thresholds: Mapping[str, ThresholdFacts] = field(default_factory=dict)  # of each task
    engine: str | None = None  # that computed the features, with its version
    others: "SplitScores | None" = None  # of the rows that were not trained on, if any were


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
    """Missed events and false accepts (detections without an event), with 95 % intervals."""

    events: int
    missed: int
    missed_share: float  # NaN without events
    missed_share_interval: Interval | None
    false_accepts: int
    false_accepts_per_hour: float
    false_accepts_per_hour_interval: Interval
    intervals: RateMethods
    latency_seconds: Latency


@dataclass(frozen=True, kw_only=True)
class DetectionCurve:
    """Rates at other thresholds, from the highest threshold down."""

    thresholds: list[float]
    false_accepts_per_hour: list[float]
    missed_share: list[float]  # NaN without events


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A missed event or a false accept."""

    kind: str  # `MISS` or `FALSE_ACCEPT`
    recording: str  # path
    start_seconds: float  # of the event, or of the window of the detection
    end_seconds: float
    score: float  # of the detection; the highest one at a missed event


@dataclass(frozen=True, kw_only=True)
class WordScores(DetectionRates):
    """Rates of one word at its threshold, its curve, and its clearest mistakes."""

    threshold: float
    curve: DetectionCurve
    mistakes: tuple[Mistake, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RecordingScores:
    """Scores on long recordings, of all words together and of each."""

    all: DetectionRates
    words: Mapping[str, WordScores]
    recordings: int
    hours: float
    real_time_factor: float  # processor time on one core divided by the duration of the audio
    engine: str
    listening: Mapping[str, float]  # settings of detection
    rule: str  # when a detection counts as correct, in words
    tuned_on: Mapping[str, str]  # what the threshold of each word was chosen on
    notes: list[str]  # in whole sentences
    thresholds: Mapping[str, ThresholdFacts] = field(default_factory=dict)  # of each word
