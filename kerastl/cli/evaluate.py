"""`kerastl evaluate`: score a run on a split or on another table."""

import json
from pathlib import Path

import click


@click.command("evaluate")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--table", type=click.Path(path_type=Path), help="Another table, scored whole.")
@click.option("--split", default="test", show_default=True, help="Split of the run's own table.")
@click.option("--no-cache", is_flag=True, help="Neither use nor fill the feature cache.")
@click.option("--json", "as_json", is_flag=True, help="Print the scores as JSON.")
def command(run: Path, table: Path | None, split: str, no_cache: bool, as_json: bool) -> None:
    """Score RUN on one of its splits, or on another table with the same columns."""
    from kerastl.cli.console import TerminalProgress, quiet_frameworks
    from kerastl.cli.scores import show_scores
    from kerastl.run.files import without_nan

    quiet_frameworks()
    from kerastl.run.folder import load_run

    finished = load_run(run)
    with TerminalProgress() as progress:
        scores = finished.evaluate(table, split=split, cache=not no_cache, progress=progress)
    if as_json:
        click.echo(json.dumps(without_nan(scores), indent=2))
    else:
        show_scores(scores, title=f"Scores on {table.name if table else split}")
