"""`kerastl data from-...`: make tables of examples from other formats."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kerastl.cli.table_output import writes_table

if TYPE_CHECKING:
    from kerastl.data.importing import MadeTable

_seconds = click.FloatRange(min=0, min_open=True)


@click.command("from-folders")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--same-file",
    type=click.Choice(["name", "bytes"]),
    help="Files of several classes with the same name, or the same bytes, are one example.",
)
@writes_table
def from_folders(folder: Path, output: Path, same_file: Any) -> "MadeTable":
    """Make a table from FOLDER, which has one folder per class.

    If the outer folders are called train, val or test, they become the column split.
    """
    from kerastl.data.importing.folders import table_from_folders

    return table_from_folders(folder, relative_to=output.parent, same_file=same_file)


@click.command("from-coco")
@click.argument("annotations", metavar="JSON", type=click.Path(path_type=Path))
@click.option(
    "--images", type=click.Path(path_type=Path), required=True, help="Folder with the images."
)
@click.option("--category", "categories", multiple=True, help="Category to keep; default: all.")
@writes_table
def from_coco(
    annotations: Path, images: Path, categories: tuple[str, ...], output: Path
) -> "MadeTable":
    """Make a table from JSON, a COCO or LVIS file of instances: 1 if a category is present.

    In LVIS files, categories that were not annotated in an image stay blank.
    """
    from kerastl.data.importing.coco import table_from_coco

    return table_from_coco(
        annotations, images, relative_to=output.parent, categories=categories or None
    )


@click.command("from-recordings")
@click.argument("table", metavar="TABLE", type=click.Path(path_type=Path))
@click.option("--word", "words", multiple=True, help="Word that becomes a task; default: all.")
@click.option(
    "--window-seconds",
    type=_seconds,
    default=1.0,
    show_default=True,
    help="Length of a window, as the backbone takes it.",
)
@click.option(
    "--hop-seconds",
    type=_seconds,
    default=0.25,
    show_default=True,
    help="Time from the start of one window to the start of the next.",
)
@writes_table
def from_recordings(
    table: Path, words: tuple[str, ...], output: Path, **windows: float
) -> "MadeTable":
    """Make a table of windows from TABLE: path, word, start_seconds, end_seconds.

    TABLE has a row for each time that a word is spoken in a recording. Each window becomes a row
    with a label per word: 1 if it contains the whole word, 0 if it contains less than half of it,
    and blank otherwise.
    """
    from kerastl.data.importing.recording_windows import table_from_recordings

    return table_from_recordings(table, relative_to=output.parent, words=words or None, **windows)


@click.command()
@click.argument("output", type=click.Path(path_type=Path))
@click.option(
    "--hours", type=_seconds, default=3.0, show_default=True, help="Length of all recordings."
)
@click.option(
    "--clips",
    type=click.Path(path_type=Path),
    help="Audio file, or folder with audio files, without your words; babble is mixed from them.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of voices, sounds and noise.")
def negatives(output: Path, hours: float, clips: Path | None, seed: int) -> None:
    """Make recordings without words in the folder OUTPUT: babble, non-words and noise.

    OUTPUT/negatives.csv is their table. Under evaluation.negatives it can only raise the thresholds
    of false_accepts_per_hour<=x.
    """
    from kerastl.cli.console import TerminalProgress
    from kerastl.data.importing.negatives import write_negatives

    with TerminalProgress() as progress:
        table = write_negatives(output, hours=hours, clips=clips, seed=seed, progress=progress)
    click.echo(f"Wrote {table}. In the config: evaluation: {{negatives: {table}}}")


COMMANDS = (from_folders, from_coco, from_recordings, negatives)
