"""`kerastl config`: write, check and describe configs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kerastl import backbones
from kerastl.cli import completion
from kerastl.errors import counted

if TYPE_CHECKING:
    from kerastl.config import Config


@click.group()
def command() -> None:
    """Write, check and describe configs."""


@command.command()
@click.argument("path", type=click.Path(path_type=Path), default="config.yaml")
@click.option(
    "--table", type=click.Path(path_type=Path), help="Table whose columns are guessed from it."
)
def init(path: Path, table: Path | None) -> None:
    """Write a commented config to PATH (config.yaml); an existing file is never replaced.

    With --table, the config is for that table: what its columns mean is guessed, and each guess is
    printed and commented with its reason.
    """
    from kerastl.config import write_template

    if table is None:
        write_template(path)
    else:
        _write_guess(table, path)
    click.echo(f"Wrote {path}. Edit it, then: kerastl config validate {path}")


@command.command()
@click.argument("config", type=click.Path(path_type=Path))
@completion.set_option
@click.option("--json", "as_json", is_flag=True, help="Print the complete config as JSON.")
def validate(config: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Check CONFIG and that a plugin provides its backbone, without reading its table."""
    from kerastl.config import config_values, load_config
    from kerastl.heads.backbone_settings import spec_of

    checked = load_config(config, overrides)
    spec = spec_of(checked.backbone)
    if not spec.trainable:
        from kerastl.planning import refuse_impossible_training

        refuse_impossible_training(spec, checked)
    click.echo(
        json.dumps(config_values(checked), indent=2) if as_json else _summary(checked, spec.id)
    )


@command.command()
def schema() -> None:
    """Print the JSON Schema of configs, for editors."""
    from kerastl.config import config_schema

    click.echo(json.dumps(config_schema(), indent=2))


def _write_guess(table: Path, path: Path) -> None:
    """Writes a config for a table and prints what was guessed."""
    from kerastl.config import config_template, write_template
    from kerastl.data.importing.guess import guess_table
    from kerastl.data.importing.made_table import relative_path
    from kerastl.data.tables.table_file import read_frame

    guess = guess_table(read_frame(table), table)
    data = {**guess.data, "table": relative_path(table, path.parent)}
    found = backbones.list_backbones(modality=next(iter(guess.reasons)))
    backbone = next((name for name in found if name.startswith("tiny:")), next(iter(found), None))
    write_template(path, config_template(data, reasons=guess.reasons, backbone=backbone))
    for key, reason in guess.reasons.items():
        click.echo(f"data.{key}: {_shown(data[key])}, because {reason}")


def _shown(value: object) -> str:
    if isinstance(value, dict):
        value = [v if isinstance(v, str) else key for key, v in value.items()]
    return ", ".join(value) if isinstance(value, list) else str(value)


def _summary(config: "Config", backbone: str) -> str:
    return (
        f"Valid: {counted(len(config.data.tasks), 'task')}, {config.data.modality}, "
        f"backbone {backbone}, solver {config.fit.solver}."
    )
