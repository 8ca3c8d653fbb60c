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
def init(path: Path) -> None:
    """Write a commented config to PATH (config.yaml); an existing file is never replaced."""
    from kerastl.config import write_template

    write_template(path)
    click.echo(f"Wrote {path}. Edit it, then: kerastl config validate {path}")


@command.command()
@click.argument("config", type=click.Path(path_type=Path))
@completion.set_option
@click.option("--json", "as_json", is_flag=True, help="Print the complete config as JSON.")
def validate(config: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Check CONFIG and that a plugin provides its backbone, without reading its table."""
    from kerastl.config import config_values, load_config

    checked = load_config(config, overrides)
    backbones.find_backbone(checked.backbone.name, options=checked.backbone.options)
    click.echo(json.dumps(config_values(checked), indent=2) if as_json else _summary(checked))


@command.command()
def schema() -> None:
    """Print the JSON Schema of configs, for editors."""
    from kerastl.config import config_schema

    click.echo(json.dumps(config_schema(), indent=2))


def _summary(config: "Config") -> str:
    return (
        f"Valid: {counted(len(config.data.tasks), 'task')}, {config.data.modality}, "
        f"backbone {config.backbone.name}, solver {config.fit.solver}."
    )
