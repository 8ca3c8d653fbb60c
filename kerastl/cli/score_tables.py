"""Tables of scores on the terminal."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from kerastl.cli.columns import show_columns
from kerastl.errors import counted
from kerastl.files import without_nan

if TYPE_CHECKING:
    from kerastl.evaluation.promises import Promise, ThresholdFacts
    from kerastl.evaluation.score_types import Scores, SplitScores, TaskScores, WordScores
    from kerastl.runs import Run

_COLUMNS = {
    "AP": "average_precision",
    "acc.": "accuracy",
    "sens.": "sensitivity",
    "spec.": "specificity",
}
_SOURCES = {
    "out-of-fold": "out-of-fold predictions of the examples that the model was fitted on",
    "validation": "the validation examples",
    "validation recordings": "long recordings (calibration: held-out examples)",
    "nothing": "the config",
}


def show_run(run: "Run", *, as_json: bool, is_quiet: bool) -> None:
    """Prints the test scores of a finished run, its path and, unless quiet, the next commands."""
    if as_json:
        click.echo(json.dumps({"run": str(run.path), **without_nan(run.metrics)}, indent=2))
        return
    metrics = run.record.metrics
    part = "test" if "test" in metrics else next(iter(metrics))
    show_scores(metrics[part], title=f"Scores on {part}")
    click.echo(f"\nRun:     {run.path}")
    if is_quiet:
        return
    click.echo(f"Next:    kerastl evaluate {run.path}")
    click.echo(f"         kerastl predict {run.path} FILES -o predictions.csv")


def show_scores(scores: "SplitScores", *, title: str) -> None:
    """Prints a table with a row per task and a macro row, followed by remarks."""
    rows = [
        (task, str(score.known), str(score.positives), *_figures(score))
        for task, score in scores.tasks.items()
    ]
    macro = scores.macro
    name = f"macro ({macro.defined} of {len(scores.tasks)})"
    rows.append((name, str(macro.known), "", *_figures(macro)))
    headers = ("task", "known", "yes", "AUC", "95 %", *_COLUMNS)
    show_columns(headers, rows, title=title, num_totals=1)
    show_promises(scores.tasks, scores.thresholds)
    for line in _remarks(scores):
        click.echo(line)
    if scores.others is not None:
        click.echo()
        show_scores(scores.others, title="Scores on the rows that were not trained on")


def show_promises(
    scores: Mapping[str, "TaskScores | WordScores"], thresholds: Mapping[str, "ThresholdFacts"]
) -> None:
    """Prints the threshold of each task whose policy names a share or a rate."""
    rows = [
        (
            f"{task}: {facts.policy}",
            number(scores[task].threshold),
            *_promise_cells(facts.promise),
        )
        for task, facts in thresholds.items()
        if facts.promise is not None
    ]
    if rows:
        headers = ("task", "from", "bound", "promised", "price")
        show_columns(headers, rows, title="Thresholds, and their bounds in new data (90 %)")


def _promise_cells(promise: "Promise") -> tuple[str, str, str]:
    answer = {True: "yes", False: "NO", None: "-"}[promise.is_promised]
    bound = "-" if promise.bound is None else f"{promise.sign} {promise.bound:.3g}"
    return bound, answer, str(promise.price or "-")


def _figures(score: "Scores") -> list[str]:
    others = (number(score.value(name)) for name in _COLUMNS.values())
    return [number(score.auc), interval(score.auc_interval), *others]


def number(value: float, digits: int = 3) -> str:
    """Returns a formatted number; a dash for NaN."""
    return "-" if value != value else f"{value:.{digits}f}"


def interval(ends: Sequence[float] | None, form: str = ".3f") -> str:
    """Returns a formatted interval; a dash for None."""
    return "-" if ends is None else f"{ends[0]:{form}}-{ends[1]:{form}}"


def _remarks(scores: "SplitScores") -> Iterator[str]:
    macro = scores.macro.intervals
    if macro.method:
        replicates = counted(macro.replicates, "replicate")
        yield f"Intervals: {macro.method} ({macro.groups} of them, {replicates})."
    elif macro.reason:
        yield f"No intervals: {macro.reason}."
    for task, score in scores.tasks.items():
        yield from (f"{task}: {text}." for text in _task_remarks(score, bool(macro.method)))
    if scores.tuned_on:
        source = _SOURCES.get(scores.tuned_on, scores.tuned_on)
        yield f"Thresholds and calibration come from: {source}."
    if scores.engine:
        yield f"Features: {scores.engine}."
    for task, facts in scores.thresholds.items():
        if facts.note is not None:
            yield f"{task}: {facts.note}."
    if scores.note:
        yield scores.note


def _task_remarks(score: "TaskScores", others_have_intervals: bool) -> Iterator[str]:
    undefined = _why_undefined(score)
    if undefined is not None:
        yield undefined
        return
    intervals = score.intervals
    if intervals.reason and (intervals.method or others_have_intervals):
        yield intervals.reason if intervals.method else f"no interval: {intervals.reason}"
    if intervals.undefined_replicates:
        yield (
            f"{intervals.undefined_replicates} of {counted(intervals.replicates, 'replicate')} "
            "lacked positives or negatives and were left out"
        )


def _why_undefined(score: "TaskScores") -> str | None:
    if not score.known:
        return "undefined, because no label is known"
    if not score.positives:
        return "AUC undefined, because no known label is positive"
    if score.positives == score.known:
        return "AUC undefined, because no known label is negative"
    return None
