"""Options that several commands have."""

from pathlib import Path

import click

from kerastl.cli import completion

quiet = click.option(
    "--quiet", "-q", "is_quiet", is_flag=True, help="Print only results and warnings."
)

runs = click.argument(
    "runs",
    type=click.Path(path_type=Path),
    nargs=-1,
    required=True,
    metavar="RUN...",
    shell_complete=completion.runs,
)
