"""`kerastl data`: check, split or make tables of examples."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kerastl.backbones import Input
from kerastl.cli import completion, table_report
from kerastl.cli.columns import show_columns
from kerastl.cli.importer_plugins import ImportersGroup
from kerastl.cli.importing import COMMANDS
from kerastl.cli.table_output import TABLE_ENDINGS, write_table, writes_table
from kerastl.config import ColumnSplit, Config, DataConfig, load_config, parse_config
from kerastl.errors import ConfigError, KerastlError, SplitError, TableError, counted
from kerastl.heads.backbone_settings import spec_of
from kerastl.media.media_types import MEDIA_TYPES

if TYPE_CHECKING:
    from kerastl.data.tables.examples import Examples


def _column_options(function: Callable[..., None]) -> Callable[..., None]:
    """Adds an option for the column of files of each media type."""
    for name, media in reversed(MEDIA_TYPES.items()):
        text = f"Column of the {media.nouns}; only with a table."
        function = click.option(f"--{name}", help=text)(function)
    return function


@click.group(cls=ImportersGroup)
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
            used=_used_columns(data),
            taken=taken,
            settings=data.media_settings,
            progress=progress,
        )
    problems, warnings = table_report.problems_of(report), table_report.warnings_of(report)
    if not (report.bad_cells or report.bad_cuts):
        has_config = source.suffix.lower() not in TABLE_ENDINGS
        split_problems, split_warnings = _check_split(table, data, has_config=has_config)
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
        spec = spec_of(config.backbone)
        taken = spec.input
        if taken is None or size is None:
            return taken
        return taken.resized(size, backbone=spec.id)
    except KerastlError:
        return None


def _check_split(
    examples: "Examples", data: DataConfig, *, has_config: bool
) -> tuple[list[str], list[str]]:
    """Returns a sentence for each problem and each warning about the config's split.

    Without a config, the default split shows only whether it would divide groups.
    """
    from kerastl.data.checking.unused_columns import likely_group
    from kerastl.data.tables.splits import assign_splits

    try:
        examples = assign_splits(examples, data.split)
    except (SplitError, TableError) as error:
        return ([f"data.split: {error.what}"] if has_config else []), []
    warnings = _split_warnings(examples) if has_config else []
    group = likely_group(examples, _used_columns(data)) if data.group is None else None
    return [], warnings if group is None else [*warnings, table_report.group_warning(group)]


def _split_warnings(examples: "Examples") -> list[str]:
    from kerastl.data.tables.splits import divided_groups, split_gaps

    warnings = list(split_gaps(examples))
    files = [str(file) for file in examples.files]
    if examples.cuts is not None and (divided := divided_groups(files, examples.splits)):
        files_have = counted(len(divided), "file has", "files have")
        names = ", ".join(Path(path).name for path in divided[:3])
        warnings.append(
            f"{files_have} examples in several splits, so scores are flattered: {names}."
        )
    return warnings


def _used_columns(data: DataConfig) -> list[str]:
    split = [data.split.column] if isinstance(data.split, ColumnSplit) else []
    return [*data.example_columns, *data.tasks, *split, *data.media.cut_columns]


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
    if all(path.parent.absolute() == output.parent.absolute() for path in data.tables):
        return [str(cell) for cell in table.frame[data.file_column]]
    return [file.relative_to(output.parent) for file in table.files]


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


for one in COMMANDS:
    command.add_command(one)
