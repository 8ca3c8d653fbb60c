"""Scores on the terminal."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click
import rich.box
import rich.console
import rich.table

from kerastl.run.files import without_nan

if TYPE_CHECKING:
    from kerastl.run.folder import Run


def show_run(run: "Run", *, as_json: bool) -> None:
    """Prints the test scores of a finished run and where it lies."""
    if as_json:
        click.echo(json.dumps({"run": str(run.path), **without_nan(run.metrics)}, indent=2))
        return
    part = "test" if "test" in run.metrics else next(iter(run.metrics))
    show_scores(run.metrics[part], title=f"Scores on {part}")
    click.echo(f"\nRun:     {run.path}")
    click.echo(f"Next:    kerastl evaluate {run.path}")
    click.echo(f"         kerastl predict {run.path} FILES -o predictions.csv")


def show_scores(scores: Mapping[str, Any], *, title: str) -> None:
    """Prints one table: a row per task, then the macro row."""
    table = rich.table.Table(title=title, box=rich.box.SIMPLE_HEAD, title_justify="left")
    table.add_column("task")
    for name in ("known", "yes", "AUC", "AP", "accuracy"):
        table.add_column(name, justify="right")
    for task, score in scores["tasks"].items():
        table.add_row(task, str(score["known"]), str(score["positives"]), *_figures(score))
    macro = scores["macro"]
    table.add_section()
    table.add_row(
        f"macro ({macro['defined']} of {len(scores['tasks'])} tasks)",
        str(macro["known"]),
        "",
        *_figures(macro),
    )
    rich.console.Console(highlight=False).print(table)


def _figures(score: Mapping[str, Any]) -> list[str]:
    return [_figure(score[name]) for name in ("auc", "average_precision", "accuracy")]


def _figure(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:.3f}"
