"""`kerastl evaluate`: score a run on a split, on another table, or on long recordings."""

import json
from pathlib import Path

import click

from kerastl.cli import completion, options
from kerastl.cli.score_tables import show_scores
from kerastl.errors import RunError
from kerastl.evaluation.score_types import RecordingScores, SplitScores
from kerastl.files import without_nan
from kerastl.records import from_values

_ABOVE_0 = click.FloatRange(min=0, min_open=True)
_REPLACES = "With --recordings: replaces the setting of the run."


@click.command("evaluate")
@click.argument("run", type=click.Path(path_type=Path), shell_complete=completion.runs)
@click.option("--table", type=click.Path(path_type=Path), help="Another table, scored as a whole.")
@click.option("--split", default="test", show_default=True, help="Split of the run's own table.")
@options.shard
@options.on
@options.parts_folder("scores")
@click.option("--no-cache", is_flag=True, help="Do not use the feature cache.")
@options.quiet
@click.option("--json", "as_json", is_flag=True, help="Print the scores as JSON.")
@click.option(
    "--recordings",
    type=click.Path(path_type=Path),
    help="Table of long recordings: path, word, start_seconds, end_seconds.",
)
@click.option(
    "--set-thresholds",
    metavar="POLICY",
    help="With --recordings for validation: choose and store the thresholds of the run by "
    "'false_accepts_per_hour<=1'.",
)
@click.option(
    "--negatives",
    type=click.Path(path_type=Path),
    help="With --set-thresholds: table of recordings without words, which may only raise them.",
)
@click.option(
    "--report", type=click.Path(path_type=Path), help="With --recordings: HTML page to write."
)
@click.option("--hop-seconds", type=_ABOVE_0, help=_REPLACES)
@click.option("--smooth-windows", type=click.IntRange(1), help=_REPLACES)
@click.option("--refractory-seconds", type=_ABOVE_0, help=_REPLACES)
@click.option("--tolerance-seconds", type=click.FloatRange(min=0), help=_REPLACES)
def command(
    run: Path,
    table: Path | None,
    split: str,
    shard: str | None,
    on: str | None,
    output: Path | None,
    no_cache: bool,
    is_quiet: bool,
    as_json: bool,
    recordings: Path | None,
    set_thresholds: str | None,
    negatives: Path | None,
    report: Path | None,
    **listening: float | None,
) -> None:
    """Score RUN on one of its splits, or on another table with the same columns.

    If RUN was trained on some rows of the other table, also under other file names, the remaining
    rows are scored apart.

    With --shard, only a share of the examples passes through the model, with --on all shares by the
    workers of an executor, and `kerastl merge` scores the parts.

    With --recordings, an audio run is scored on long recordings: false accepts per hour and missed
    events, latency, and the real-time factor on one core.
    """
    from kerastl.cli.console import TerminalProgress

    parts = options.parse_parts(
        shard,
        on,
        output,
        instead="`--json > FILE` writes the scores.",
        recordings=recordings,
        json=as_json,
    )
    settings = {name: value for name, value in listening.items() if value is not None}
    asked = {
        "set_thresholds": set_thresholds,
        "negatives": negatives,
        "report": report,
        **settings,
    }
    if negatives is not None and set_thresholds is None:
        raise RunError(
            "--negatives has no effect without --set-thresholds.",
            fix="Add --set-thresholds 'false_accepts_per_hour<=1'.",
        )
    _refuse_options(recordings, table, [name for name, value in asked.items() if value is not None])
    from kerastl.runs import load_run

    finished = load_run(run)
    if parts is not None:
        from kerastl.run.evaluate import Evaluation

        with TerminalProgress(is_quiet) as progress:
            work = Evaluation.of(finished.record, table, split, cache=not no_cache)
            parts.compute(work, progress=progress)
        return
    with TerminalProgress(is_quiet) as progress:
        if recordings is None:
            scores = finished.evaluate(table, split=split, cache=not no_cache, progress=progress)
        else:
            scores = finished.evaluate_recordings(
                recordings,
                set_thresholds=set_thresholds,
                negatives=negatives,
                listening=settings,
                cache=not no_cache,
                progress=progress,
            )
    if report is not None:
        from kerastl.report.detections import write_recordings_report

        detected = from_values(RecordingScores, scores)
        write_recordings_report(detected, report, run=run, recordings=str(recordings))
        if not is_quiet:
            click.echo(f"Report: {report}", err=True)
    if as_json:
        click.echo(json.dumps(without_nan(scores), indent=2))
    elif recordings is not None:
        from kerastl.cli.listening import show_detection_scores

        detected = from_values(RecordingScores, scores)
        show_detection_scores(detected, title=f"Detections in {recordings.name}")
    else:
        title = f"Scores on {table.name if table else split}"
        show_scores(from_values(SplitScores, scores), title=title)


def _refuse_options(recordings: Path | None, table: Path | None, given: list[str]) -> None:
    if recordings is not None and table is not None:
        raise RunError(
            "--recordings and --table cannot be used together.", fix="Use one at a time."
        )
    if recordings is None and given:
        raise RunError(
            f"--{given[0].replace('_', '-')} has no effect without --recordings.",
            fix="Add --recordings TABLE.",
        )
