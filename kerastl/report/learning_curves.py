"""Learning curves over epochs, or the regularization of the exact head."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from markupsafe import Markup

from kerastl.errors import counted
from kerastl.evaluation.gains import Gain
from kerastl.report.charts import (
    Line,
    difference_reach,
    difference_row,
    difference_scale,
    learning_chart,
    strength_chart,
)
from kerastl.run.bundle import Bundle, StrengthPath
from kerastl.training.evidence import RANKINGS, TrainingEvidence, ranking

FIGURES = (
    ("calibrated_log_loss", "calibrated log loss per known label"),
    ("log_loss", "log loss per known label"),
    ("auc", "AUC"),
    ("accuracy", "accuracy"),
)
PHASES = {"heads": "heads", "fine_tuning": "fine-tuning"}
MOST_HEADS = 30  # that get charts of their own

LearningChart = tuple[str, Markup]  # title, and chart over epochs


@dataclass(frozen=True, kw_only=True)
class TrialRow:
    """How much something that was tried changed the held-out loss."""

    name: str
    cost: float | None  # of a prediction, in passes of one example
    change: float  # in nats; below 0 is better
    interval: tuple[float, float]
    chart: Markup


@dataclass(frozen=True, kw_only=True)
class Trials:
    """What was tried before something was decided, and the outcome."""

    title: str
    outcome: str
    heading: str  # of the first column
    rows: tuple[TrialRow, ...]
    scale: Markup | None  # above the charts
    foot: str


@dataclass(frozen=True, kw_only=True)
class Learning:
    """The section on learning."""

    epochs: int
    phases: tuple[tuple[str, int], ...]  # name and number of epochs
    charts: tuple[LearningChart, ...]  # of the whole model
    heads: Mapping[str, tuple[LearningChart, ...]]  # empty if there is only one head
    strengths: Mapping[str, float]  # chosen L2 strength of each task of the exact head
    path: Markup | None  # out-of-fold loss over the strengths, if it was stored
    outcome: str | None  # which epoch was kept
    trials: tuple[Trials, ...]  # of features and of fine-tuning


def gather_learning(history: pd.DataFrame, bundle: Bundle) -> Learning:
    """Returns the section from the history, one row per epoch, and the bundle."""
    evidence = bundle.evidence
    strengths = evidence.regularization or {}
    heads = list(bundle.heads) if len(bundle.heads) > 1 else []
    shown = heads[:MOST_HEADS] if len(history) else []
    return Learning(
        epochs=sum(count for _, count in _phases(history)),
        phases=_phases(history),
        charts=_charts(history, [*(f"{head}_" for head in heads), ""]),
        heads={head: _charts(history, [f"{head}_"]) for head in shown},
        strengths=strengths,
        path=_path(evidence.regularization_path, strengths),
        outcome=_outcome(history),
        trials=() if evidence.features is None else tuple(_trials(evidence.features)),
    )


def _phases(history: pd.DataFrame) -> tuple[tuple[str, int], ...]:
    if "phase" not in history:
        return ()
    counts = history[_numbers(history) > 0].groupby("phase", sort=False).size()
    return tuple((PHASES.get(str(name), str(name)), int(n)) for name, n in counts.items())


def _numbers(history: pd.DataFrame) -> pd.Series:
    """Returns the number of each epoch; 0 is the model before the epochs."""
    if "epoch" in history:
        return pd.to_numeric(history["epoch"], errors="coerce")
    return pd.Series(range(1, len(history) + 1), index=history.index)


def _kept(history: pd.DataFrame) -> pd.Series:
    if "kept" not in history:
        return pd.Series(False, index=history.index)
    return history["kept"].astype(str).str.lower() == "true"


def _outcome(history: pd.DataFrame) -> str | None:
    """Returns which epoch of the last phase was kept, with its loss; None if it is unknown."""
    kept = history[_kept(history)]
    key = ranking(history)
    if not len(kept) or key not in history:
        return None
    last = kept.iloc[-1]
    phase = history[history["phase"] == last["phase"]]
    losses = dict(zip(_numbers(phase), phase[key], strict=True))
    number = int(last["epoch"])
    start = "" if 0 not in losses else f" (before the first epoch, {losses.pop(0):.4f})"
    if number:
        loss = last[key]
        return f"Epoch {number} has the lowest {RANKINGS[key]}, {loss:.4f}{start}; it was kept."
    lowest = f"the lowest {RANKINGS[key]} was {min(losses.values(), default=math.nan):.4f}"
    return f"No epoch was better; the solved heads were kept: {lowest}{start}."


def _trials(evidence: TrainingEvidence) -> Iterator[Trials]:
    if found := evidence.feature_trials:
        kept = [trial for trial in found if trial.kept][-1]
        names = [one.features + (" (kept)" if one.kept else "") for one in found]
        gains = {name: (one.gain, one.cost) for name, one in zip(names, found, strict=True)}
        rows, scale = _rows(gains)
        yield Trials(
            title="What the backbone computes",
            outcome=f"Chosen: {kept.features}, at {kept.cost:g} times the cost of one view.",
            heading="Features",
            rows=rows,
            scale=scale,
            foot="Change of the out-of-fold loss from the best features so far, at first one view "
            f"(loss {found[0].loss:.4f}), in nats per known label; left of 0 is better. Features "
            "are kept if they are better by more than noise.",
        )
    if auto := evidence.auto:
        tuned = {f"rate {trial.rate:g}, short": (trial.gain, None) for trial in auto.trials}
        if auto.gain is not None:
            tuned[f"rate {auto.rate:g}, all epochs"] = auto.gain, None
        rows, scale = _rows(tuned)
        kept_model = "The fine-tuned model" if auto.trained else "The frozen backbone"
        yield Trials(
            title="Whether to fine-tune",
            outcome=f"{kept_model} was kept: {auto.reason}.",
            heading="Fine-tuning",
            rows=rows,
            scale=scale,
            foot="Change of the validation loss in nats per known label, both calibrated; left of "
            "0 is better. Short trainings are compared with the heads that they start from, the "
            "whole one with the frozen backbone. Its interval is wider, because its rate and its "
            "epoch were chosen on the same examples.",
        )


def _rows(
    gains: Mapping[str, tuple[Gain | None, float | None]],
) -> tuple[tuple[TrialRow, ...], Markup | None]:
    """Returns a row for each gain, and the scale of their charts."""
    changes = {
        name: (-gain.loss, (-gain.high, -gain.low), cost)
        for name, (gain, cost) in gains.items()
        if gain is not None
    }
    ends = [abs(end) for value, interval, _ in changes.values() for end in (value, *interval)]
    reach = difference_reach(max([1e-4, *filter(math.isfinite, ends)]))
    rows = tuple(
        TrialRow(
            name=name,
            cost=cost,
            change=value,
            interval=interval,
            chart=difference_row(value, interval, reach=reach),
        )
        for name, (value, interval, cost) in changes.items()
    )
    return rows, difference_scale(reach)


def _charts(history: pd.DataFrame, prefixes: Sequence[str]) -> tuple[LearningChart, ...]:
    if not len(history):
        return ()
    found = []
    mean = "mean " if len(prefixes) > 1 else ""
    for name, title in FIGURES:
        lines = [
            Line(name=kind, kind=kind, values=_mean(history, [start + p + name for p in prefixes]))
            for kind, start in (("train", ""), ("validation", "val_"))
        ]
        lines = [line for line in lines if np.isfinite(line.values).any()]
        if lines:
            found.append(_chart(history, mean + title, lines))
    return tuple(found)


def _chart(history: pd.DataFrame, title: str, lines: Sequence[Line]) -> LearningChart:
    phases = list(history["phase"]) if "phase" in history else []
    boundaries = [i for i in range(1, len(phases)) if phases[i] != phases[i - 1]]
    epochs = _numbers(history)
    ends = [next(v for v in reversed(line.values) if np.isfinite(v)) for line in lines]
    last = ", ".join(f"{line.name} {end:.3f}" for line, end in zip(lines, ends, strict=True))
    return title, learning_chart(
        lines,
        epochs=[f"{epoch:g}" for epoch in epochs],
        boundaries=boundaries,
        kept=np.flatnonzero(_kept(history)).tolist(),
        label=f"{title} over {counted(int((_numbers(history) > 0).sum()), 'epoch')}; "
        f"at the end {last}",
    )


def _mean(history: pd.DataFrame, names: list[str]) -> list[float]:
    """Returns the mean over the heads with a value in an epoch; NaN if there is none."""
    values = history.reindex(columns=names).apply(pd.to_numeric, errors="coerce").mean(axis=1)
    return [float(value) for value in values]


def _path(stored: StrengthPath | None, chosen: Mapping[str, float]) -> Markup | None:
    if stored is None:
        return None
    return strength_chart(
        stored.strengths,
        {task: np.array(values, float).tolist() for task, values in stored.losses.items()},
        chosen,
        label="Out-of-fold log loss of each task over the strength of regularization",
    )
