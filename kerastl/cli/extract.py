"""`kerastl extract`: compute the features that a training begins with."""

from pathlib import Path

import click

from kerastl.cli import completion, options
from kerastl.cli.table_output import refuse_unwritable
from kerastl.cli.unreadable import show_unreadable
from kerastl.errors import RunError


@click.command("extract")
@click.argument("config", type=click.Path(path_type=Path))
@options.shard
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    help="With --shard: folder of the parts, which `kerastl merge` puts into a cache.",
)
@completion.set_option
@options.quiet
def command(
    config: Path,
    shard: str | None,
    output: Path | None,
    overrides: tuple[str, ...],
    is_quiet: bool,
) -> None:
    """Compute the features of the frozen backbone that a training with CONFIG begins with.

    They stay in the feature cache of this machine. With --shard, only a share of the examples is
    computed and written into a folder too, and `kerastl merge` puts the parts of all shards into
    the cache of the machine that trains.
    """
    part = options.parse_shard(shard, output)
    if part is None and output is not None:
        raise RunError(
            "--output has no effect without --shard.", fix="Add --shard 0/1 to write one part."
        )
    refuse_unwritable(None if part is None or output is None else output / part.file_name)
    from kerastl.config import load_config

    settings = load_config(config, overrides)  # shows its errors before what computes is imported
    from kerastl.cli.console import TerminalProgress
    from kerastl.table_features import extract

    with TerminalProgress(is_quiet) as progress:
        frame = extract(settings, part, output, progress=progress)
    show_unreadable(frame)
