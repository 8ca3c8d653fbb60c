"""`kerastl report`: rebuild the report of a run, and open it."""

from pathlib import Path

import click

from kerastl.cli import options
from kerastl.cli.table_output import refuse_unwritable


@click.command("report")
@options.runs
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    help="File to write instead of report.html in the run, or A-against-B.html here.",
)
@click.option(
    "--trust",
    is_flag=True,
    help="Show the images or audio clips even if the run may be somebody else's.",
)
@options.quiet
@click.option("--open", "open_it", is_flag=True, help="Open it in the browser.")
def command(
    runs: tuple[Path, ...], output: Path | None, trust: bool, is_quiet: bool, open_it: bool
) -> None:
    """Build the report of RUN from the files in its folder and print its path.

    The report is one HTML file that works offline: scores with intervals, curves, adjustable
    thresholds, mistakes, unknown labels, and how to repeat the run.

    Several runs are compared with the first: paired differences of the scores on the held-out rows
    that all of them have, with intervals and verdicts.
    """
    refuse_unwritable(output)
    from kerastl.cli.console import TerminalProgress
    from kerastl.report import write_report

    with TerminalProgress(is_quiet) as progress:
        if len(runs) == 1:
            path = write_report(runs[0], output=output, trust=trust, progress=progress)
        else:
            from kerastl.compare.finished_runs import compare_runs

            path = output or Path("-against-".join(run.resolve().name for run in runs) + ".html")
            progress.step("Comparing", None)
            click.echo(compare_runs(runs, path).recommendation)
    click.echo(str(path))
    if open_it:
        click.launch(path.resolve().as_uri())
