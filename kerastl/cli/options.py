"""Options that several commands have."""

import click

quiet = click.option(
    "--quiet", "-q", "is_quiet", is_flag=True, help="Print only results and warnings."
)
