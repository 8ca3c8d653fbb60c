"""Tables that commands of `kerastl data` write: options, checks of the output, and a summary."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kerastl.cli.columns import show_columns
from kerastl.errors import TableError
from kerastl.files import require_writable, write_with
from kerastl_runtime.files import exists

if TYPE_CHECKING:
    import pandas as pd

TABLE_ENDINGS = (".csv", ".parquet", ".pq")


def writes_table(command: Callable[..., Any]) -> Callable[..., None]:
    """Adds `--output` and `--overwrite`, checks them first, and writes the table that is returned.

    Raises:
        TableError: The ending is not one of a table, or the file exists or cannot be written.
    """

    @click.option(
        "--output",
        "-o",
        type=click.Path(path_type=Path),
        required=True,
        help="CSV or Parquet file to write.",
    )
    @click.option("--overwrite", is_flag=True, help="Replace the file if it exists.")
    @functools.wraps(command)
    def checked(output: Path, overwrite: bool, **options: Any) -> None:
        _refuse_output(output, overwrite=overwrite)
        made = command(output=output, **options)
        if made is not None:
            _write_made(made, output)

    return checked


def refuse_unwritable(path: Path | None, option: str = "--output") -> None:
    """Raises a `TableError` if an output cannot be written; called before anything is computed."""
    if path is None:
        return
    try:
        require_writable(path)
    except OSError as error:
        raise TableError(
            f"The output '{path.name}' cannot be written.",
            where=f"{option} {path}",
            received=(error.strerror or str(error)).lower(),
            fix="Choose another file or folder, or correct the permissions.",
        ) from None


def write_table(frame: "pd.DataFrame", output: Path) -> None:
    """Writes a table as CSV or Parquet, by the ending of its name."""
    if output.suffix.lower() == ".csv":
        write_with(output, lambda path: frame.to_csv(path, index=False))
    else:
        write_with(output, lambda path: frame.to_parquet(path))


def _refuse_output(path: Path, *, overwrite: bool) -> None:
    if path.suffix.lower() not in TABLE_ENDINGS:
        raise TableError(
            "A table is written as CSV or Parquet.",
            where=f"--output {path}",
            expected="a name that ends in .csv or .parquet",
        )
    if exists(path) and not overwrite:
        raise TableError(
            f"The table '{path}' already exists.",
            fix="Choose another name, or replace it with --overwrite.",
        )
    refuse_unwritable(path)


def _write_made(made: Any, output: Path) -> None:
    """Writes a `MadeTable` and prints how often each task is known."""
    write_table(made.frame, output)
    labels = made.frame[list(made.tasks)]
    counts = zip((labels == 1).sum(), (labels == 0).sum(), labels.isna().sum(), strict=True)
    rows = [[task, *map(int, numbers)] for task, numbers in zip(made.tasks, counts, strict=True)]
    if rows:
        show_columns(("task", "positive", "negative", "unknown"), rows)
    for note in made.notes:
        click.echo(f"Note: {note}", err=True)
    click.echo(f"Wrote {len(made.frame):,} rows to {output}. Next: kerastl data check {output}")
