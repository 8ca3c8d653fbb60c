"""One task on one split: scores, charts and data of the slider."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.special
from markupsafe import Markup

from kerastl.report import curves, plots
from kerastl.run.bundle import TaskBundle
from kerastl.run.record import RunRecord

FIGURES = (
    ("auc", "AUC", "probability that a yes ranks above a no; 1 is best, 0.5 is chance"),
    ("average_precision", "average precision", "area under the precision-recall steps; 1 is best"),
    ("log_loss", "log loss", "mean logistic loss in nats; 0 is best"),
    ("brier", "Brier score", "mean squared error of the probability; 0 is best"),
    (
        "expected_calibration_error",
        "calibration error",
        "mean gap between the probability and the share of yes; 0 is best",
    ),
    ("accuracy", "accuracy", "share of correct decisions at the threshold"),
    ("sensitivity", "sensitivity", "share of labeled yes that are predicted yes at the threshold"),
    ("specificity", "specificity", "share of labeled no that are predicted no at the threshold"),
    ("f1", "F1", "harmonic mean of precision and sensitivity at the threshold"),
)


_ERROR = "expected_calibration_error"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One score with its interval; NaN if undefined."""

    name: str
    label: str
    hint: str
    value: float
    interval: tuple[float, float] | None

    @property
    def decides(self) -> bool:
        """Whether it depends on the threshold."""
        return self.name in ("accuracy", "sensitivity", "specificity", "f1")


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One task on one split.

    Args:
        id: Unique on the page.
        part: The split.
        known: Number of known labels.
        positives: Number of known labels that are yes.
        unknown: Number of unknown labels.
        undefined: Why scores are undefined, or None.
        figures: The scores.
        note: How the intervals were computed, or why there are none.
        counts: Decisions at the run's threshold: `tp`, `fn`, `fp`, `tn`.
        slider: Data from which the page's script counts decisions.
        charts: The charts by name; None if one cannot be drawn.
        reliability_note: Description of the reliability diagram, or why there is none.
    """

    id: str
    part: str
    known: int
    positives: int
    unknown: int
    undefined: str | None
    figures: tuple[Figure, ...]
    note: str | None
    counts: Mapping[str, int]
    slider: Mapping[str, Any]
    charts: Mapping[str, Markup | None]
    reliability_note: str


def figures_of(scores: Mapping[str, Any]) -> tuple[Figure, ...]:
    """Returns the scores in a mapping of `metrics.json`; undefined ones are NaN."""
    return tuple(
        Figure(
            name=name,
            label=label,
            hint=hint,
            value=number(scores[name]),
            interval=interval_of(scores, name),
        )
        for name, label, hint in FIGURES
        if name in scores
    )


def number(value: Any) -> float:
    """Returns a number; NaN if it is undefined."""
    return float(value) if isinstance(value, int | float) else math.nan


def interval_of(scores: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    """Returns the interval of a score, or None."""
    found = scores.get(f"{name}_interval")
    if not isinstance(found, list | tuple) or len(found) != 2:
        return None
    low, high = number(found[0]), number(found[1])
    return None if math.isnan(low) or math.isnan(high) else (low, high)


def interval_note(scores: Mapping[str, Any]) -> str | None:
    """Returns how the intervals were computed or why there are none, as one sentence."""
    facts = scores.get("intervals")
    if not isinstance(facts, Mapping):
        return "No intervals were computed for this run."
    if not facts.get("replicates"):
        return f"No intervals: {facts.get('reason') or 'none were computed'}."
    made = f"Intervals: {facts['method']}, {facts['replicates']:,} replicates"
    if facts.get("undefined_replicates"):
        made += f", {facts['undefined_replicates']:,} of them without both classes"
    return made + (f" ({facts['reason']})." if facts.get("reason") else ".")


def undefined_reason(known: int, positives: int) -> str | None:
    """Returns why ranking scores are undefined, or None if both classes are known."""
    if known == 0:
        return "no label of this task is known here"
    if positives == 0:
        return f"all {known:,} known labels are no"
    return f"all {known:,} known labels are yes" if positives == known else None


def make_panel(record: RunRecord, index: int, part: str) -> Panel:
    """Returns the panel of one task on one split."""
    task = record.tasks[index]
    facts, rows = record.bundle.tasks[task], record.rows(part)
    labels = rows[f"{task}_label"].to_numpy(np.float64)
    known = ~np.isnan(labels)
    y = labels[known]
    p = rows[task].to_numpy(np.float64)[known]
    raw = scipy.special.expit(rows[f"{task}_logit"].to_numpy(np.float64)[known])
    scores = record.scores(part, task)
    bins = curves.reliability_bins(y, p)
    counts = curves.confusion(y, p, facts.threshold)
    return Panel(
        id=f"task{index}-{part}",
        part=part,
        known=len(y),
        positives=int(y.sum()),
        unknown=int((~known).sum()),
        undefined=undefined_reason(len(y), int(y.sum())),
        figures=figures_of(scores),
        note=interval_note(scores),
        counts=counts,
        slider={
            "task": index,
            "threshold": facts.threshold,
            "counts": counts,
            "yes": curves.levels(p[y == 1]),
            "no": curves.levels(p[y == 0]),
        },
        charts=_charts(task, f"task{index}-{part}", facts, y, p, raw, bins, counts),
        reliability_note=_reliability_note(facts, bins, len(y)) + _gain(scores, facts),
    )


def is_calibrated(facts: TaskBundle) -> bool:
    """Whether calibration changes the probabilities of a task."""
    return (facts.calibration.scale, facts.calibration.offset) != (1.0, 0.0)


def _charts(
    task: str,
    name: str,
    facts: TaskBundle,
    y: np.ndarray,
    p: np.ndarray,
    raw: np.ndarray,
    bins: tuple[curves.Bin, ...],
    counts: Mapping[str, int],
) -> dict[str, Markup | None]:
    charts: dict[str, Markup | None] = dict.fromkeys(("histogram", "roc", "pr", "reliability"))
    if not len(y):
        return charts
    hits, alarms = counts["tp"], counts["fp"]
    yes, no = int(y.sum()), int(len(y) - y.sum())
    charts["histogram"] = plots.histogram_chart(
        curves.histogram(p[y == 1]),
        curves.histogram(p[y == 0]),
        facts.threshold,
        name=name,
        label=f"Histogram of the probability of {task}: {yes} yes above, {no} no below",
    )
    if yes and no:
        at = (alarms / no, hits / yes)
        label = f"ROC curve of {task}; at the threshold sensitivity {at[1]:.2f}"
        charts["roc"] = plots.roc_chart(curves.roc_points(y, p), at, label=label)
        called = hits + alarms
        charts["pr"] = plots.precision_recall_chart(
            curves.precision_recall_points(y, p),
            (hits / yes, hits / called) if called else None,
            base_rate=yes / len(y),
            label=f"Precision-recall curve of {task}; {yes / len(y):.0%} are yes",
        )
    if bins:
        before = curves.reliability_bins(y, raw) if is_calibrated(facts) else None
        label = f"Reliability diagram of {task}: share of yes over predicted probability"
        charts["reliability"] = plots.reliability_chart(bins, before, label=label)
    return charts


def _reliability_note(facts: TaskBundle, bins: tuple[curves.Bin, ...], known: int) -> str:
    if not bins:
        needed = 2 * curves.MIN_PER_BIN
        return f"Not drawn: {known:,} known labels, at least {needed} are needed."
    if is_calibrated(facts):
        scale, offset = facts.calibration.scale, facts.calibration.offset
        sign = "+" if offset >= 0 else "−"
        return f"Platt calibration: logit × {scale:.2f} {sign} {abs(offset):.2f}."
    reason = facts.calibration.reason
    return f"Not calibrated: {reason}." if reason else "Probabilities are those of the model."


def _gain(scores: Mapping[str, Any], facts: TaskBundle) -> str:
    """Returns the scores before and after calibration, if they were stored."""
    before = scores.get("before_calibration")
    if not isinstance(before, Mapping) or not is_calibrated(facts):
        return ""
    said = [
        f"{words} {number(scores.get(name)):.3f}, before {number(before.get(name)):.3f}"
        for name, words in (("log_loss", "log loss"), (_ERROR, "calibration error"))
        if math.isfinite(number(scores.get(name))) and math.isfinite(number(before.get(name)))
    ]
    text = "; ".join(said)
    return f" {text[0].upper()}{text[1:]}." if said else ""
