"""`kerastl demo`: generate data, train on it, and show the results."""

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kerastl.demo.recipes import RECIPES, prepare
from kerastl.evaluation.score_types import RecordingScores
from kerastl.records import from_values
from kerastl.run.layout import free_name

if TYPE_CHECKING:
    from kerastl.runs import Run


@click.command("demo")
@click.argument("name", type=click.Choice(list(RECIPES)), default="driving")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path("demo"),
    show_default=True,
    help="Output folder; data and run go into a subfolder with the demo's name.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of the generated data.")
@click.option("--draw-only", is_flag=True, help="Only write the data and the config.")
def command(name: str, folder: Path, seed: int, draw_only: bool) -> None:
    """Generate data, train on it and print the scores, without any download.

    \b
    driving    drawn street scenes, half of the labels blank (the default)
    digits     scikit-learn's handwritten digits, two fifths of the labels blank
    wake-word  synthesized speech: three wake words, and recordings to find them in
    """
    from kerastl.cli.console import TerminalProgress, quiet_frameworks

    quiet_frameworks()
    started, recipe = time.monotonic(), RECIPES[name]
    click.echo(f"Making {recipe.summary} ...", err=True)
    config, data = prepare(recipe, folder / name, seed=seed)
    click.echo(f"{data.num_examples} {recipe.examples}: {data.table}", err=True)
    if draw_only:
        click.echo(f"Next:    kerastl train {shlex.quote(str(config))}")
        return
    from kerastl import pipeline
    from kerastl.cli.score_tables import show_run

    with TerminalProgress() as progress:
        run = pipeline.train(config, output=free_name(folder / name / "run"), progress=progress)
    show_run(run, as_json=False)
    click.echo(f"         kerastl train {shlex.quote(str(config))} --set heads=multi")
    if recipe.recordings is not None:
        _listen(run, folder / name / recipe.recordings)
    click.echo(f"\nDone in {time.monotonic() - started:.0f} seconds.")


def _listen(run: "Run", recordings: Path) -> None:
    """Evaluates the run on recordings, and shows the command that does so."""
    from kerastl.cli.console import TerminalProgress
    from kerastl.cli.listening import show_detection_scores

    with TerminalProgress() as progress:
        scores = run.evaluate_recordings(recordings, progress=progress)
    show_detection_scores(
        from_values(RecordingScores, scores), title=f"Detections in {recordings.name}"
    )
    folder, audio = shlex.quote(str(run.path)), shlex.quote(str(recordings.with_suffix(".flac")))
    click.echo(f"Listen:  kerastl predict {folder} {audio} --listen")
