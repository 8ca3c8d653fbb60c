"""`kerastl extract`: compute the features that a training begins with."""

from pathlib import Path

import click

from kerastl.cli import completion, options
from kerastl.cli.unreadable import show_unreadable


@click.command("extract")
@click.argument("config", type=click.Path(path_type=Path))
@options.shard
@options.on
@options.parts_folder("puts into a cache")
@completion.set_option
@options.quiet
def command(
    config: Path,
    shard: str | None,
    on: str | None,
    output: Path | None,
    overrides: tuple[str, ...],
    is_quiet: bool,
) -> None:
    """Compute the features of the frozen backbone that a training with CONFIG begins with.

    They stay in the feature cache of this machine. With --shard, only a share of the examples is
    computed and written into a folder too, with --on all shares by the workers of an executor; and
    `kerastl merge` puts the parts into the cache of the machine that trains.
    """
    parts = options.parse_parts(shard, on, output, instead="Add --shard 0/1 to write one part.")
    from kerastl.config import load_config

    settings = load_config(config, overrides)  # shows its errors before what computes is imported
    from kerastl.cli.console import TerminalProgress
    from kerastl.run.shards import merged
    from kerastl.table_features import extract, extraction

    with TerminalProgress(is_quiet) as progress:
        if parts is None:
            frame = extract(settings, progress=progress)
        else:
            work = extraction(settings, progress=progress)
            frame = merged(parts.compute(work, progress=progress), ["error"])
    show_unreadable(frame)
