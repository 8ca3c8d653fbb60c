"""Importers that other distributions register, as commands of `kerastl data`.

Convention: an entry point of the group `kerastl.importers` has the name of its command, and behind
it is a Click command whose function takes `output`, the path of the table, and returns a
`MadeTable`. It is loaded when it is called, or when the help lists it.
"""

import copy
from collections.abc import Callable
from typing import Any

import click

from kerastl.backbones.discovery import load_plugin, plugin_names
from kerastl.cli.table_output import writes_table
from kerastl.errors import BrokenPluginError, KerastlError

GROUP = "kerastl.importers"
OURS = ("from-chexpert", "from-dicom", "from-label-studio", "from-megadetector", "from-nih")


class ImportersGroup(click.Group):
    """A group with its own commands and those of installed importers."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *plugin_names(GROUP)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        own = super().get_command(ctx, cmd_name)
        if own is not None or not cmd_name.startswith("from-"):
            return own
        return _load(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, self._summary(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def _summary(self, ctx: click.Context, name: str) -> str:
        try:
            command = self.get_command(ctx, name)
        except KerastlError as error:
            return error.what
        return command.get_short_help_str(limit=200) if command is not None else ""


def _load(name: str) -> click.Command:
    ours = dict.fromkeys(OURS, "kerastl-importers")
    found = load_plugin(GROUP, name, noun="importer", ours=ours)
    loaded = found.value
    if not isinstance(loaded, click.Command) or loaded.callback is None:
        raise BrokenPluginError(
            f"The importer '{name}' of {found.distribution} is not a command.",
            where=found.target,
            expected="a Click command",
            received=type(loaded).__name__,
        )
    return _with_output(loaded, loaded.callback)


def _with_output(command: click.Command, function: Callable[..., Any]) -> click.Command:
    """Returns a command that also has `--output` and writes the table that its function returns."""
    writing = click.command()(writes_table(function))
    command = copy.copy(command)
    command.params = [*command.params, *writing.params]
    command.callback = writing.callback
    return command
