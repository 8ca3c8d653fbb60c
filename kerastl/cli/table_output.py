"""Tables that commands of `kerastl data` write: checking the output path, writing, reporting."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kerastl.cli.table_report import show_columns
from kerastl.errors import TableError
from kerastl.files import write_with

if TYPE_CHECKING:
    import pandas as pd

    from kerastl.data.importing.folders import MadeTable

TABLE_ENDINGS = (".csv", ".parquet", ".pq")


def refuse_output(path: Path, *, overwrite: bool) -> None:
    """Raises an error if a table cannot be written to the path.

    Raises:
        TableError: The ending is another one, or something is there already.
    """
    if path.suffix.lower() not in TABLE_ENDINGS:
        raise TableError(
            "A table is written as CSV or Parquet.",
            where=f"--output {path}",
            expected="a name that ends in .csv or .parquet",
        )
    if path.exists() and not overwrite:
        raise TableError(
            f"The table '{path}' already exists.",
            fix="Choose another name, or replace it with --overwrite.",
        )


def write_made(made: "MadeTable", output: Path) -> None:
    """Writes a table that was made and prints how often each task is known."""
    write_table(made.frame, output)
    labels = made.frame[list(made.tasks)]
    rows = [
        [
            task,
            int((labels[task] == 1).sum()),
            int((labels[task] == 0).sum()),
            int(labels[task].isna().sum()),
        ]
        for task in made.tasks
    ]
    show_columns(("task", "positive", "negative", "unknown"), rows)
    for note in made.notes:
        click.echo(f"Note: {note}", err=True)
    click.echo(f"\nWrote {len(made.frame):,} rows to {output}. Next: kerastl data check {output}")


def write_table(frame: "pd.DataFrame", output: Path) -> None:
    """Writes a table as CSV or Parquet, by the ending of its name."""
    if output.suffix.lower() == ".csv":
        write_with(output, lambda path: frame.to_csv(path, index=False))
    else:
        write_with(output, lambda path: frame.to_parquet(path))
