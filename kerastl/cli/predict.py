"""`kerastl predict`: predict files, folders or a table."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kerastl.errors import RunError

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = (".csv", ".parquet", ".pq")


@click.command("predict")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--output", "-o", type=click.Path(path_type=Path), help="CSV or Parquet file.")
@click.option("--no-cache", is_flag=True, help="Neither use nor fill the feature cache.")
@click.option("--json", "as_json", is_flag=True, help="Print the predictions as JSON lines.")
def command(
    run: Path, inputs: tuple[Path, ...], output: Path | None, no_cache: bool, as_json: bool
) -> None:
    """Predict INPUTS (files, folders or a table) with RUN.

    One row per example in the order given: a calibrated probability and a decision per task, and
    the reason where a file can't be read.
    """
    if output is not None and output.suffix.lower() not in ENDINGS:
        raise RunError(
            "Predictions are written as CSV or Parquet.",
            where=f"--output {output}",
            expected="a name that ends in .csv or .parquet",
        )
    from kerastl.cli.console import TerminalProgress, quiet_frameworks

    quiet_frameworks()
    from kerastl.run.folder import load_run

    finished = load_run(run)
    with TerminalProgress() as progress:
        frame = finished.predict(list(inputs), cache=not no_cache, progress=progress)
    _show(frame, output, as_json=as_json)


def _show(frame: "pd.DataFrame", output: Path | None, *, as_json: bool) -> None:
    if output is not None:
        from kerastl.run.files import write_with

        if output.suffix.lower() == ".csv":
            write_with(output, lambda path: frame.to_csv(path, index=False))
        else:
            write_with(output, lambda path: frame.to_parquet(path))
    if as_json:
        click.echo(frame.to_json(orient="records", lines=True), nl=False)
    elif output is None:
        click.echo(frame.to_csv(index=False, float_format="%.4f"), nl=False)
    unreadable = int(frame["error"].notna().sum())
    if output is not None:
        click.echo(f"{len(frame)} rows in {output}", err=True)
    if unreadable:
        click.echo(f"{unreadable} of {len(frame)} files can't be read; see 'error'.", err=True)
