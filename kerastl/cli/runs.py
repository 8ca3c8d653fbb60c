"""`kerastl runs`: a table of runs."""

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kerastl.cli.columns import show_columns

if TYPE_CHECKING:
    from kerastl.run.summary import RunSummary


@click.command("runs")
@click.argument("folder", default=Path("runs"), type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(folder: Path, as_json: bool) -> None:
    """List the runs in FOLDER (default: runs), newest first; if it has none, those in its folders.

    Shows the state, the date, the backbone, what was trained of it, the mean AUC over tasks on the
    test split with its 95 % interval, and the path of the report. For a run that was interrupted,
    the command that resumes it is shown instead.
    """
    from kerastl.run.summary import list_runs

    found = list_runs(folder)
    if as_json:
        click.echo(json.dumps([_facts(run) for run in found], indent=2))
    elif found:
        headers = ("run", "state", "date", "backbone", "trainable", "AUC", "report")
        show_columns(headers, [_row(run, folder) for run in found], texts=range(len(headers)))
    else:
        click.echo(f"No runs in {folder}.")


def _row(run: "RunSummary", folder: Path) -> tuple[str, ...]:
    inside = run.path.relative_to(folder).as_posix()
    return (
        run.path.resolve().name if inside == "." else inside,
        run.state,
        f"{run.created.astimezone():%Y-%m-%d %H:%M}",
        run.backbone or "-",
        "-" if run.trainable is None else json.dumps(run.trainable),
        _auc(run),
        run.problem or _resume_command(run) or str(run.report or "-"),
    )


def _auc(run: "RunSummary") -> str:
    if run.auc is None:
        return "-"
    ends = "" if run.auc_interval is None else " ({:.3f}-{:.3f})".format(*run.auc_interval)
    split = "" if run.split == "test" else f" on {run.split}"
    return f"{run.auc:.3f}{ends}{split}"


def _resume_command(run: "RunSummary") -> str | None:
    is_open = run.state == "interrupted"
    return f"kerastl train --resume {shlex.quote(str(run.path))}" if is_open else None


def _facts(run: "RunSummary") -> dict[str, Any]:
    return {
        **vars(run),
        "path": str(run.path),
        "created": run.created.isoformat(timespec="seconds"),
        "report": None if run.report is None else str(run.report),
        "resume": _resume_command(run),
    }
