"""Options that several commands have."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kerastl.cli import completion
from kerastl.errors import RunError

if TYPE_CHECKING:
    from kerastl.run.shards import Shard

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

shard = click.option(
    "--shard",
    metavar="I/N",
    help="Compute only share I of N, counted from 0, and write it into the folder --output.",
)


def parse_shard(text: str | None, output: Path | None, **others: object) -> "Shard | None":
    """Returns the shard that is asked for, after checking that it has a folder for its part.

    Args:
        text: The value of `--shard`.
        output: The value of `--output`.
        others: Name and value of the options that cannot be combined with `--shard`.

    Raises:
        RunError: There is no folder, or an option that cannot be combined.
    """
    if text is None:
        return None
    from kerastl.run.shards import Shard

    parsed = Shard.parse(text)
    for name, value in others.items():
        if value:
            option = f"--{name.replace('_', '-')}"
            raise RunError(f"--shard and {option} cannot be used together.", fix="Use one of them.")
    if output is None or output.is_file():
        raise RunError(
            "A shard writes its part into a folder.",
            where="--output",
            expected="the folder that all shards of the job share",
            received="nothing" if output is None else f"the file {output}",
        )
    return parsed
