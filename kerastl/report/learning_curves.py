"""Learning curves over epochs, or the regularization of the exact head."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from markupsafe import Markup

from kerastl.errors import counted
from kerastl.report.charts import Line, learning_chart, strength_chart
from kerastl.run.bundle import StrengthPath
from kerastl.run.record import RunRecord

FIGURES = (("log_loss", "log loss per known label"), ("auc", "AUC"), ("accuracy", "accuracy"))
PHASES = {"heads": "heads", "fine_tuning": "fine-tuning"}
MOST_HEADS = 30  # that get charts of their own


@dataclass(frozen=True, kw_only=True)
class LearningChart:
    """One chart over epochs."""

    title: str
    chart: Markup


@dataclass(frozen=True, kw_only=True)
class Learning:
    """The section on learning."""

    epochs: int
    phases: tuple[tuple[str, int], ...]  # name and number of epochs
    charts: tuple[LearningChart, ...]  # of the whole model
    heads: Mapping[str, tuple[LearningChart, ...]]  # empty if there is only one head
    strengths: Mapping[str, float]  # chosen L2 strength of each task of the exact head
    path: Markup | None  # out-of-fold loss over the strengths, if it was stored


def gather_learning(record: RunRecord) -> Learning:
    """Returns the section from the history and the bundle."""
    history, evidence = record.history, record.bundle.evidence
    strengths = evidence.regularization or {}
    heads = list(record.bundle.heads) if len(record.bundle.heads) > 1 else []
    shown = heads[:MOST_HEADS] if len(history) else []
    return Learning(
        epochs=len(history),
        phases=_phases(history),
        charts=_charts(history, [f"{head}_" for head in heads] or [""]),
        heads={head: _charts(history, [f"{head}_"]) for head in shown},
        strengths=strengths,
        path=_path(evidence.regularization_path, strengths),
    )


def _phases(history: pd.DataFrame) -> tuple[tuple[str, int], ...]:
    if "phase" not in history:
        return ()
    counts = history.groupby("phase", sort=False).size()
    return tuple((PHASES.get(str(name), str(name)), int(n)) for name, n in counts.items())


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
    epochs = history["epoch"] if "epoch" in history else range(1, len(history) + 1)
    ends = [next(v for v in reversed(line.values) if np.isfinite(v)) for line in lines]
    last = ", ".join(f"{line.name} {end:.3f}" for line, end in zip(lines, ends, strict=True))
    chart = learning_chart(
        lines,
        epochs=[str(epoch) for epoch in epochs],
        boundaries=boundaries,
        label=f"{title} over {counted(len(history), 'epoch')}; at the end {last}",
    )
    return LearningChart(title=title, chart=chart)


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
