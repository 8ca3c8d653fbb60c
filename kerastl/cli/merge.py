"""`kerastl merge`: join the parts that the shards of a command have written."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kerastl.cli import options
from kerastl.cli.cache import size_text
from kerastl.cli.predict import refuse_other_ending, show_predictions
from kerastl.cli.score_tables import show_scores
from kerastl.cli.table_output import refuse_unwritable
from kerastl.cli.train import conclude
from kerastl.cli.unreadable import show_unreadable
from kerastl.errors import RunError, counted
from kerastl.features.cache.location import cache_folder
from kerastl.files import without_nan
from kerastl.records import to_values

if TYPE_CHECKING:
    from kerastl.run.shards import Part


@click.command("merge")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    help="Parts of `predict`: CSV or Parquet file to write; of `train`: folder of the run.",
)
@options.quiet
@click.option("--json", "as_json", is_flag=True, help="Print predictions or scores as JSON.")
def command(folder: Path, output: Path | None, is_quiet: bool, as_json: bool) -> None:
    """Join the parts in FOLDER, after checking that none is missing, damaged, doubled or foreign.

    Parts of `kerastl predict` become one table, those of `kerastl evaluate` are scored, the
    features of `kerastl extract` are put into the cache of this machine, and the heads of `kerastl
    train` become a run.
    """
    from kerastl.run.shards import engines_text, merged, read_parts

    parts = read_parts(folder)
    if len(engines := engines_text(parts).split("; ")) > 1 and not is_quiet:
        click.echo(
            f"The shards were computed by different engines: {', '.join(engines)}.", err=True
        )
    name = parts[0].job.command
    if name == "train":
        _train(parts, output, as_json=as_json, is_quiet=is_quiet)
        return
    if name == "predict":
        refuse_other_ending(output)
        refuse_unwritable(output)
        show_predictions(merged(parts), output, as_json=as_json, is_quiet=is_quiet)
        return
    if output is not None:
        raise RunError(f"--output has no effect on parts of `kerastl {name}`.", fix="Leave it out.")
    if name == "evaluate":
        _score(parts, as_json=as_json)
    else:
        _store(parts)


def _train(parts: "Sequence[Part]", output: Path | None, *, as_json: bool, is_quiet: bool) -> None:
    from kerastl.cli.console import TerminalProgress
    from kerastl.head_solving import merge_heads

    with TerminalProgress(is_quiet) as progress:
        run, is_trained = merge_heads(parts, output=output, progress=progress)
    conclude(run, is_trained=is_trained, as_json=as_json, is_quiet=is_quiet)


def _score(parts: "Sequence[Part]", *, as_json: bool) -> None:
    from kerastl.run.evaluate import merge_scores

    scores = merge_scores(parts, cache=True)
    job = parts[0].job
    if as_json:
        click.echo(json.dumps(without_nan(dict(to_values(scores))), indent=2))
    else:
        show_scores(scores, title=f"Scores on {Path(job.table).name if job.table else job.split}")


def _store(parts: "Sequence[Part]") -> None:
    from kerastl.table_features import store_features

    frame, num_bytes = store_features(parts, cache_folder())
    show_unreadable(frame)
    click.echo(
        f"The features of {counted(len(frame), 'example')} are in {cache_folder()} "
        f"({size_text(num_bytes)} added)."
    )
