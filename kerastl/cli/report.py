"""`kerastl report`: rebuild the report of a run, and open it."""

from pathlib import Path

import click

from kerastl.cli import completion, options
from kerastl.cli.table_output import refuse_unwritable


@click.command("report")
@click.argument("run", type=click.Path(path_type=Path), shell_complete=completion.runs)
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), help="File to write instead of report.html."
)
@click.option(
    "--trust",
    is_flag=True,
    help="Show the images or audio clips even if the run may be somebody else's.",
)
@options.quiet
@click.option("--open", "open_it", is_flag=True, help="Open it in the browser.")
def command(run: Path, output: Path | None, trust: bool, is_quiet: bool, open_it: bool) -> None:
    """Build the report of RUN from the files in its folder and print its path.

    The report is one HTML file that works offline: scores with intervals, curves, adjustable
    thresholds, mistakes, unknown labels, and how to repeat the run.
    """
    refuse_unwritable(output)
    from kerastl.cli.console import TerminalProgress
    from kerastl.report import write_report

    with TerminalProgress(is_quiet) as progress:
        path = write_report(run, output=output, trust=trust, progress=progress)
    click.echo(str(path))
    if open_it:
        click.launch(path.resolve().as_uri())
