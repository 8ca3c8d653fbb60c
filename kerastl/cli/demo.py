"""`kerastl demo`: generate data, train on it, and show the results."""

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kerastl.cli import options
from kerastl.cli.columns import show_columns
from kerastl.cli.score_tables import number, show_scores
from kerastl.demo.recipes import RECIPES, Recipe, prepare
from kerastl.errors import ConfigError
from kerastl.evaluation.score_types import RecordingScores
from kerastl.records import from_values
from kerastl.run.layout import free_name

if TYPE_CHECKING:
    from kerastl.runs import Run

_GAPS = {"masked": "masked", "blanks as no": 'blanks as "no"', "drop rows": "rows dropped"}
_WHY_RECORDINGS_DIFFER = """
Why words can be missed here although the AUC is near 1: the AUC compares windows that hold a whole
word with windows that hold none, and needs no threshold. A recording is searched ten times a
second, parts of words included, and one threshold has to keep false accepts rare in all of that:
a word that sounds less clear than most stays below it."""


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
@click.option("--hard", is_flag=True, help="wake-word only: similar words, more noise.")
@click.option("--draw-only", is_flag=True, help="Only write the data and the config.")
@options.quiet
def command(
    name: str, folder: Path, seed: int, hard: bool, draw_only: bool, is_quiet: bool
) -> None:
    """Generate data, train on it and print the scores, without any download.

    \b
    driving    drawn street scenes, half of the labels blank (the default)
    digits     scikit-learn's handwritten digits, two fifths of the labels blank
    wake-word  synthesized speech: three wake words, and recordings to find them in
    """
    from kerastl.cli.console import TerminalProgress

    recipe = RECIPES[name]
    if hard and not recipe.has_hard:
        raise ConfigError(
            f"The demo '{name}' has no hard version.",
            received="--hard",
            fix="Leave it out, or run `kerastl demo wake-word --hard`.",
        )
    started, place = time.monotonic(), folder / (f"{name}-hard" if hard else name)
    say = _silent if is_quiet else click.echo
    say(f"Making {recipe.summary} ...", err=True)
    config, data = prepare(recipe, place, seed=seed, **({"hard": True} if hard else {}))
    say(f"{data.num_examples} {recipe.examples}: {data.table}", err=True)
    following = [f"kerastl train {shlex.quote(str(config))}"]
    if not draw_only:
        from kerastl import pipeline

        with TerminalProgress(is_quiet) as progress:
            run = pipeline.train(config, output=free_name(place / "run"), progress=progress)
        following = _show(run, config, recipe, place, is_quiet=is_quiet)
        say(f"\nDone in {time.monotonic() - started:.0f} seconds.")
    say("Next:    " + "\n         ".join(following))


def _silent(text: str, *, err: bool = False) -> None:
    pass


def _show(run: "Run", config: Path, recipe: Recipe, place: Path, *, is_quiet: bool) -> list[str]:
    """Prints the results of a demo; returns commands to try next."""

    show_scores(run.record.metrics["test"], title="Scores on test")
    folder, written = shlex.quote(str(run.path)), shlex.quote(str(config))
    if recipe.recordings is not None:
        _listen(run, place / recipe.recordings, is_quiet=is_quiet)
        audio = shlex.quote(str((place / recipe.recordings).with_suffix(".flac")))
        following = [f"kerastl predict {folder} {audio} --listen"]
    else:
        _compare_gaps(config, free_name(place / "gaps"), is_quiet=is_quiet)
        images = shlex.quote(str(place / "images"))
        following = [f"kerastl predict {folder} {images} -o predictions.csv"]
    if not is_quiet:
        click.echo(f"\nRun:     {run.path}\nReport:  {run.path / 'report.html'}")
    return [*following, f"kerastl train {written} --set heads=multi"]


def _compare_gaps(config: Path, output: Path, *, is_quiet: bool) -> None:
    """Trains with each treatment of blank labels and prints what the scores on test are then."""
    from kerastl.compare import compare
    from kerastl.compare.contrasts import difference_text

    if not is_quiet:
        click.echo('\nTraining again with blanks as "no" and with rows dropped ...', err=True)
    found = compare(config, axis="unknown", seeds=1, output=output).result
    changes = {answer.first[0]: difference_text(answer.macro.auc) for answer in found.answers}
    sides = {side.name: side.macro for side in found.sides}
    rows = [
        (
            text,
            number(sides[name].auc.mean),
            number(sides[name].log_loss.mean),
            changes.get(name, ""),
        )
        for name, text in _GAPS.items()
    ]
    headers = ("blank labels", "AUC", "log loss", "change of AUC")
    show_columns(headers, rows, title="What the gaps cost: macro scores")
    click.echo("Scored on the same labels. AUC: higher is better; log loss: lower is better.")


def _listen(run: "Run", recordings: Path, *, is_quiet: bool) -> None:
    """Evaluates the run on recordings."""
    from kerastl.cli.console import TerminalProgress
    from kerastl.cli.listening import show_detection_scores

    with TerminalProgress(is_quiet) as progress:
        scores = run.evaluate_recordings(recordings, progress=progress)
    found = from_values(RecordingScores, scores)
    show_detection_scores(found, title=f"Detections in {recordings.name}")
    if not is_quiet:
        click.echo(_WHY_RECORDINGS_DIFFER)
