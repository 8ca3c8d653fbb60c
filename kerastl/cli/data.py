"""`kerastl data`: check, split or make tables of examples."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kerastl.backbones import Input, find_backbone
from kerastl.cli import completion, table_report
from kerastl.cli.columns import show_columns
from kerastl.cli.table_output import TABLE_ENDINGS, write_table, writes_table
from kerastl.config import Config, DataConfig, load_config, parse_config
from kerastl.errors import ConfigError, KerastlError, SplitError, TableError, counted
from kerastl.media.media_types import MEDIA_TYPES

if TYPE_CHECKING:
    from kerastl.data.importing.folders import MadeTable
    from kerastl.data.tables.examples import Examples

_seconds = click.FloatRange(min=0, min_open=True)


def _column_options(function: Callable[..., None]) -> Callable[..., None]:
    """Adds an option for the column of files of each media type."""
    for name, media in reversed(MEDIA_TYPES.items()):
        text = f"Column of the {media.nouns}; only with a table."
        function = click.option(f"--{name}", help=text)(function)
    return function


@click.group()
def command() -> None:
    """Check, split or make tables of examples."""


@command.command()
@click.argument("source", metavar="CONFIG|TABLE", type=click.Path(path_type=Path))
@_column_options
@click.option("--task", "tasks", multiple=True, help="Column of labels; only with a table.")
@click.option("--group", help="Column of groups; only with a table.")
@completion.set_option
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def check(
    source: Path,
    tasks: tuple[str, ...],
    group: str | None,
    overrides: tuple[str, ...],
    as_json: bool,
    **columns: str | None,
) -> None:
    """Read every cell and every file of CONFIG's table, or of TABLE.

    Exits with 2 if training would refuse something. Without a config, the columns are recognized
    by their content.
    """
    from kerastl.cli.console import TerminalProgress
    from kerastl.data.checking.check import check_table
    from kerastl.data.tables.loading import read_table

    if source.suffix.lower() in TABLE_ENDINGS:
        data, taken = _data_of_table(source, columns, tasks, group), None
    else:
        _refuse_columns(*columns.values(), tasks, group)
        config = load_config(source, overrides)
        data, taken = config.data, _input_of(config)
    table = read_table(data)
    with TerminalProgress() as progress:
        report = check_table(
            table,
            group_column=data.group,
            taken=taken,
            settings=data.media_settings,
            progress=progress,
        )
    problems, warnings = table_report.problems_of(report), table_report.warnings_of(report)
    if not (report.bad_cells or report.bad_segments) and source.suffix.lower() not in TABLE_ENDINGS:
        split_problems, split_warnings = _check_split(table, data)
        problems, warnings = problems + split_problems, warnings + split_warnings
    if as_json:
        everything = {**report.to_dict(), "problems": problems, "warnings": warnings}
        click.echo(json.dumps({**everything, "usable": not problems}, indent=2))
        sys.exit(2 if problems else 0)
    table_report.show_report(report, warnings)
    if problems:
        raise TableError("Training would refuse the table.", problems=problems, where=table.source)
    click.echo("Training would accept the table.")


@command.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--column", default="split", show_default=True, help="Column to write.")
@completion.set_option
@writes_table
def split(config: Path, output: Path, column: str, overrides: tuple[str, ...]) -> None:
    """Write CONFIG's table with a column that names the split of each row."""
    from kerastl.data.tables.loading import load_table
    from kerastl.data.tables.splits import assign_splits, split_gaps

    data = load_config(config, overrides).data
    table = load_table(data)
    _refuse_taken(table, data, column)
    table = assign_splits(table, data.split)
    frame = table.frame.copy()
    frame[data.file_column], frame[column] = _moved(table, data, output), table.splits
    write_table(frame, output)
    _show_parts(table)
    for sentence in split_gaps(table):
        click.echo(f"Warning: {sentence}", err=True)
    click.echo(f"Wrote {output}. In the config: table: {output.name}, split: {{column: {column}}}")


@command.command("from-folders")
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


@command.command("from-coco")
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


@command.command("from-recordings")
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


@command.command()
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


def _data_of_table(
    path: Path, columns: Mapping[str, str | None], tasks: Sequence[str], group: str | None
) -> "DataConfig":
    from kerastl.data.importing.guess import guess_data
    from kerastl.data.tables.table_file import read_frame

    frame = read_frame(path)
    data = guess_data(frame, path, columns=columns, tasks=tasks, group=group)
    # A config needs a backbone, but its table does not depend on it.
    return parse_config({"data": data, "backbone": {"name": "run:any"}}, where=str(path)).data


def _input_of(config: Config) -> Input | None:
    """Returns the input of the config's backbone, None if only loading it can tell."""
    size = config.backbone.input_size
    try:
        taken = find_backbone(config.backbone.name, options=config.backbone.options).input
        if taken is None or size is None:
            return taken
        return taken.resized(size, backbone=config.backbone.name)
    except KerastlError:
        return None


def _check_split(examples: "Examples", data: DataConfig) -> tuple[list[str], list[str]]:
    """Returns a sentence for each problem and each warning about the config's split."""
    from kerastl.data.tables.splits import assign_splits, divided_groups, split_gaps

    try:
        examples = assign_splits(examples, data.split)
    except (SplitError, TableError) as error:
        return [f"data.split: {error.what}"], []
    warnings = list(split_gaps(examples))
    files = [str(path) for path in examples.paths]
    if examples.segments is not None and (divided := divided_groups(files, examples.splits)):
        recordings = counted(len(divided), "recording has", "recordings have")
        names = ", ".join(Path(path).name for path in divided[:3])
        warnings.append(
            f"{recordings} examples in several splits, so scores are flattered: {names}."
        )
    return [], warnings


def _refuse_columns(*options: object) -> None:
    if any(options):
        raise ConfigError(
            "The columns of a config are set in the config.",
            received=f"{', '.join(f'--{name}' for name in MEDIA_TYPES)}, --task or --group",
            fix="Change the config, or use --set data.tasks=[car].",
        )


def _refuse_taken(table: "Examples", data: DataConfig, column: str) -> None:
    if column in table.frame.columns and column != getattr(data.split, "column", None):
        raise TableError(
            f"The table already has a column '{column}'.",
            where=table.source,
            fix="Choose another name with --column, or use the column: data.split.column.",
        )


def _moved(table: "Examples", data: DataConfig, output: Path) -> list[str]:
    """Returns the paths of the files relative to the folder of the new table."""
    from kerastl.data.importing.folders import relative_path

    if all(path.parent.absolute() == output.parent.absolute() for path in data.tables):
        return [str(cell) for cell in table.frame[data.file_column]]
    return [relative_path(path, output.parent) for path in table.paths]


def _show_parts(table: "Examples") -> None:
    from kerastl.data.tables.splits import PARTS

    def counts(column: int, part: str) -> str:
        labels = table.labels[table.rows(part), column]
        return f"{int((labels == 1).sum())} / {int((labels == 0).sum())}"

    click.echo("Rows, and known positives / negatives of each task:\n")
    rows: list[list[object]] = [["rows", *(len(table.rows(part)) for part in PARTS)]]
    for column, task in enumerate(table.tasks):
        rows.append([task, *(counts(column, part) for part in PARTS)])
    show_columns(("", *PARTS), rows)
