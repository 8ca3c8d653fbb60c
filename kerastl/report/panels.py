"""One task on one split: scores, charts and data of the slider."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.special
from markupsafe import Markup

from kerastl.errors import counted
from kerastl.evaluation.calibration import NO_SKILL
from kerastl.evaluation.score_types import MacroScores, Scores, SplitScores, TaskScores
from kerastl.report import curves, plots
from kerastl.run.bundle import TaskBundle
from kerastl_runtime.decoder import Cut

Place = tuple[str, Cut]  # of an example: the address of its file, and the part of it

_DESCRIPTIONS = {
    "auc": ("AUC", "probability that a yes ranks above a no; 1 is best, 0.5 is chance"),
    "average_precision": ("average precision", "area under the precision-recall steps; 1 is best"),
    "log_loss": ("log loss", "mean logistic loss in nats; 0 is best"),
    "brier": ("Brier score", "mean squared error of the probability; 0 is best"),
    "expected_calibration_error": (
        "calibration error",
        "mean gap between the probability and the share of yes; 0 is best",
    ),
    "accuracy": ("accuracy", "share of correct decisions at the threshold"),
    "sensitivity": (
        "sensitivity",
        "share of labeled yes that are predicted yes at the threshold",
    ),
    "specificity": ("specificity", "share of labeled no that are predicted no at the threshold"),
    "f1": ("F1", "harmonic mean of precision and sensitivity at the threshold"),
}


@dataclass(frozen=True, kw_only=True)
class DescribedScore:
    """One score with its interval and its description; NaN if undefined."""

    name: str
    label: str
    hint: str
    value: float
    interval: tuple[float, float] | None

    @property
    def depends_on_threshold(self) -> bool:
        """Whether it is a score of decisions."""
        return self.name in ("accuracy", "sensitivity", "specificity", "f1")


@dataclass(frozen=True, kw_only=True)
class Split:
    """The predictions of a run on one split, with their labels and scores."""

    name: str
    rows: pd.DataFrame  # as in `RunRecord.predictions`
    places: Sequence[Place]  # of each row
    scores: SplitScores | None  # None if there are none

    def probabilities(self, task: str) -> np.ndarray:
        """Returns the calibrated probability of each row, `(rows,)`."""
        return self.rows[task].to_numpy(np.float64)

    def labels(self, tasks: Sequence[str]) -> np.ndarray:
        """Returns `(rows, tasks)`: 1, 0 or NaN if unknown."""
        return self.rows[[f"{task}_label" for task in tasks]].to_numpy(np.float64)


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One task on one split."""

    id: str  # unique on the page
    part: str
    known: int  # labels
    positives: int
    unknown: int
    undefined: str | None  # why scores are undefined
    scores: tuple[DescribedScore, ...]
    note: str  # how the intervals were computed, or why there are none
    counts: Mapping[str, int]  # of decisions at the run's threshold
    slider: Mapping[str, Any]  # data from which the page's script counts decisions
    charts: Mapping[str, Markup | None]  # None if a chart cannot be drawn
    reliability_note: str  # about the reliability diagram, or why there is none

    def score(self, name: str) -> DescribedScore | None:
        """Returns a score by its name; None if it was not computed or is undefined."""
        found = next((one for one in self.scores if one.name == name), None)
        return None if found is None or math.isnan(found.value) else found

    @property
    def base_rate_loss(self) -> float:
        """Log loss of predicting the share of yes for every example; NaN without labels."""
        if not self.known:
            return math.nan
        share = self.positives / self.known
        return float(scipy.special.entr(share) + scipy.special.entr(1 - share))


def described_scores(scores: Scores | None) -> tuple[DescribedScore, ...]:
    """Returns all scores with their intervals; none if there are no scores."""
    if scores is None:
        return ()
    return tuple(
        DescribedScore(
            name=name,
            label=label,
            hint=hint,
            value=scores.value(name),
            interval=scores.interval(name),
        )
        for name, (label, hint) in _DESCRIPTIONS.items()
    )


def interval_note(scores: TaskScores | MacroScores | None) -> str:
    """Returns how the intervals were computed or why there are none, as one sentence."""
    facts = None if scores is None else scores.intervals
    if facts is None or not (facts.replicates or facts.reason):
        return "No intervals were computed for this run."
    if not facts.replicates:
        return f"No intervals: {facts.reason}."
    made = f"Intervals: {facts.method}, {counted(facts.replicates, 'replicate')}"
    if facts.undefined_replicates:
        made += f", {facts.undefined_replicates:,} of them without both classes"
    return made + (f" ({facts.reason})." if facts.reason else ".")


def undefined_reason(known: int, positives: int) -> str | None:
    """Returns why ranking scores are undefined, or None if both classes are known."""
    if known == 0:
        return "no label of this task is known here"
    if positives == 0:
        return f"all {known:,} known labels are no"
    return f"all {known:,} known labels are yes" if positives == known else None


def make_panel(
    task: str, index: int, facts: TaskBundle, split: Split, scale: curves.LogitScale
) -> Panel:
    """Returns the panel of one task on one split."""
    labels = split.labels([task])[:, 0]
    known = ~np.isnan(labels)
    y, p = labels[known], split.probabilities(task)[known]
    logits = split.rows[f"{task}_logit"].to_numpy(np.float64)[known]
    scores = None if split.scores is None else split.scores.tasks.get(task)
    counts = curves.confusion(y, p, facts.threshold)
    name = f"task{index}-{split.name}"
    return Panel(
        id=name,
        part=split.name,
        known=len(y),
        positives=int(y.sum()),
        unknown=int((~known).sum()),
        undefined=undefined_reason(len(y), int(y.sum())),
        scores=described_scores(scores),
        note=interval_note(scores),
        counts=counts,
        slider={
            "task": index,
            "threshold": facts.threshold,
            "counts": counts,
            "low": scale.low,
            "high": scale.high,
            "step": scale.step(facts.threshold),
            "yes": scale.levels(p[y == 1]),
            "no": scale.levels(p[y == 0]),
        },
        charts=_charts(task, name, facts, y, p, logits, counts, scale),
        reliability_note=_reliability_note(facts, len(y)) + _calibration_gain(scores, facts),
    )


def is_calibrated(facts: TaskBundle) -> bool:
    """Whether a scale and an offset were fitted for a task."""
    found = facts.calibration
    return found.reason in (None, NO_SKILL) and (found.scale, found.offset) != (1.0, 0.0)


def _charts(
    task: str,
    name: str,
    facts: TaskBundle,
    y: np.ndarray,
    p: np.ndarray,
    logits: np.ndarray,
    counts: Mapping[str, int],
    scale: curves.LogitScale,
) -> dict[str, Markup | None]:
    charts: dict[str, Markup | None] = dict.fromkeys(("histogram", "roc", "pr", "reliability"))
    if not len(y):
        return charts
    hits, false_alarms = counts["tp"], counts["fp"]
    yes, no = hits + counts["fn"], false_alarms + counts["tn"]
    charts["histogram"] = plots.histogram_chart(
        scale.histogram(p[y == 1]),
        scale.histogram(p[y == 0]),
        facts.threshold,
        scale=scale,
        name=name,
        label=f"Histogram of the probability of {task}: {yes} yes above, {no} no below",
    )
    if yes and no:
        at = (false_alarms / no, hits / yes)
        label = f"ROC curve of {task}; at the threshold sensitivity {at[1]:.2f}"
        charts["roc"] = plots.roc_chart(curves.roc_points(y, p), at, label=label)
        called = hits + false_alarms
        charts["pr"] = plots.precision_recall_chart(
            curves.precision_recall_points(y, p),
            (hits / yes, hits / called) if called else None,
            base_rate=yes / len(y),
            label=f"Precision-recall curve of {task}; {yes / len(y):.0%} are yes",
        )
    if after := curves.reliability_bins(y, p):
        raw = scipy.special.expit(logits)
        charts["reliability"] = plots.reliability_chart(
            after,
            curves.reliability_bins(y, raw) if is_calibrated(facts) else None,
            label=f"Reliability diagram of {task}: share of yes over predicted probability",
        )
    return charts


def _reliability_note(facts: TaskBundle, known: int) -> str:
    needed = 2 * curves.MIN_PER_BIN
    if known < needed:
        return f"Not drawn: {known:,} known labels, at least {needed} are needed."
    fit = facts.calibration
    shift = f"{'+' if fit.offset >= 0 else '−'} {abs(fit.offset):.2f}"
    if is_calibrated(facts):
        return f"Platt calibration: logit × {fit.scale:.2f} {shift}."
    text = f"Not calibrated: {fit.reason}." if fit.reason else "Probabilities are the model's."
    return f"{text} Logit {shift} undoes weights and label smoothing." if fit.offset else text


def _calibration_gain(scores: TaskScores | None, facts: TaskBundle) -> str:
    """Returns the scores with and without calibration, or nothing."""
    if scores is None or scores.before_calibration is None or not is_calibrated(facts):
        return ""
    before = scores.before_calibration
    if math.isnan(scores.log_loss) or math.isnan(before.log_loss):
        return ""
    return (
        f" Log loss {scores.log_loss:.3f}, before {before.log_loss:.3f}; calibration error "
        f"{scores.expected_calibration_error:.3f}, before "
        f"{before.expected_calibration_error:.3f}."
    )
