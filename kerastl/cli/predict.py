"""`kerastl predict`: predict files, folders or a table."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kerastl.cli import completion, options
from kerastl.cli.table_output import TABLE_ENDINGS, refuse_unwritable, write_table
from kerastl.cli.unreadable import no_readable_file, show_unreadable
from kerastl.errors import RunError, counted

if TYPE_CHECKING:
    import pandas as pd


@click.command("predict")
@click.argument("run", type=click.Path(path_type=Path), shell_complete=completion.runs)
@click.argument("inputs", nargs=-1, required=True, type=click.Path())
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    help="CSV or Parquet file; with --shard or --on, folder of the parts.",
)
@options.shard
@options.on
@click.option("--no-cache", is_flag=True, help="Do not use the feature cache.")
@click.option("--no-export", is_flag=True, help="Do not let an export of RUN answer.")
@options.quiet
@click.option("--json", "as_json", is_flag=True, help="Print the predictions as JSON lines.")
@click.option("--listen", is_flag=True, help="Detect words in long recordings.")
@click.option("--scores", type=click.Path(path_type=Path), help="With --listen: CSV of all scores.")
@click.option(
    "--rate", type=click.IntRange(1), help="With --listen -: sample rate of raw samples in Hz."
)
def command(
    run: Path,
    inputs: tuple[str, ...],
    output: Path | None,
    shard: str | None,
    on: str | None,
    no_cache: bool,
    no_export: bool,
    is_quiet: bool,
    as_json: bool,
    listen: bool,
    scores: Path | None,
    rate: int | None,
) -> None:
    """Predict INPUTS (files, folders or a table) with RUN.

    The output has one row per example in the given order: a calibrated probability and a decision
    per task, and the reason if a file cannot be read. If none can be read, the exit code is 2.

    If RUN has an export in float32 (`kerastl export RUN --format onnx`), it answers without loading
    TensorFlow; probabilities differ by at most 0.001.

    With --shard, only a share of the examples is predicted, with --on all shares by the workers of
    an executor, and `kerastl merge` joins the parts.

    With --listen, the window of an audio run slides over long recordings. Each detection is a row,
    written immediately: start and end of the window that detected the word, the word and its score.
    The input - is standard input: WAV, or raw samples with --rate (16 bit, little endian, mono).
    """
    from kerastl.cli import listening

    listening.refuse_options(listen=listen, inputs=inputs, output=output, scores=scores, rate=rate)
    parts = options.parse_parts(shard, on, output, listen=listen, json=as_json)
    if parts is None:
        refuse_other_ending(output)
        refuse_unwritable(output)
    refuse_unwritable(scores, "--scores")
    from kerastl.cli.console import TerminalProgress
    from kerastl.runs import load_run

    finished = load_run(run)
    if listen:
        listening.listen(
            finished,
            inputs,
            output=output,
            scores=scores,
            rate_hz=rate,
            cache=not no_cache,
            as_json=as_json,
            is_quiet=is_quiet,
        )
        return
    if parts is not None:
        from kerastl.run.predict import Predictions
        from kerastl.run.shards import merged

        with TerminalProgress(is_quiet) as progress:
            work = Predictions.of(
                finished.record, list(inputs), exported=not no_export, cache=not no_cache
            )
            computed = parts.compute(work, progress=progress)
        show_unreadable(merged(computed, ["error"]))
        return
    with TerminalProgress(is_quiet) as progress:
        frame = finished.predict(
            list(inputs), exported=not no_export, cache=not no_cache, progress=progress
        )
    show_predictions(frame, output, as_json=as_json, is_quiet=is_quiet)


def refuse_other_ending(output: Path | None) -> None:
    """Raises a `RunError` if a file of predictions is no table by its name."""
    if output is not None and output.suffix.lower() not in TABLE_ENDINGS:
        raise RunError(
            "Predictions are written as CSV or Parquet.",
            where=f"--output {output}",
            expected="a name that ends in .csv or .parquet",
        )


def show_predictions(
    frame: "pd.DataFrame", output: Path | None, *, as_json: bool, is_quiet: bool
) -> None:
    """Writes or prints predictions.

    Raises:
        MediaError: None of the files could be read.
    """
    if output is not None:
        write_table(frame, output)
    if as_json:
        click.echo(frame.to_json(orient="records", lines=True), nl=False)
    elif output is None:
        click.echo(frame.to_csv(index=False, float_format="%.4f"), nl=False)
    if output is not None and not is_quiet:
        click.echo(f"{counted(len(frame), 'row')} in {output}", err=True)
    if frame["error"].notna().all():
        raise no_readable_file(dict(zip(frame["path"], frame["error"], strict=True)))
    show_unreadable(frame)
