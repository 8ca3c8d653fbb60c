"""`kerastl doctor`: is everything installed, and does this Keras behave as kerastl needs?"""

import json
import logging
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import rich.console
    import rich.table

    from kerastl.health import Health


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """Check versions, devices, plugins and Keras's behavior.

    Trains a tiny model several times, which takes some seconds. Exit code 0 if all is well, 1 if
    something is not.
    """
    from kerastl.cli.console import quiet_frameworks

    quiet_frameworks()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of many tiny fits
    from kerastl.health import examine

    health = examine()
    if as_json:
        click.echo(json.dumps(health.facts(), indent=2))
    else:
        _show(health)
    sys.exit(1 if health.problems else 0)


def _show(health: "Health") -> None:
    import rich.console

    console = rich.console.Console(highlight=False)
    _print_table(console, "Versions", [(name, v or "missing") for name, v in _software(health)])
    _print_table(console, f"Devices ({health.backend})", [(device,) for device in health.devices])
    _print_table(console, "Plugins", _plugin_rows(health))
    _print_table(console, "Behavior", [(*_mark(c.ok), c.name, c.detail) for c in health.checks])
    console.print("All is well." if not health.problems else "Not well:", style="bold")
    for problem in health.problems:
        console.print(f"  - {problem}", markup=False, soft_wrap=True)


def _software(health: "Health") -> list[tuple[str, str | None]]:
    backends = {
        f"backend {name}{' (used)' if name == health.backend else ''}": version or "not installed"
        for name, version in health.backends.items()
    }
    return [*health.versions.items(), *backends.items()]


def _plugin_rows(health: "Health") -> list[tuple[str, ...]]:
    return [
        (
            *_mark(plugin.problem is None),
            plugin.family,
            f"{plugin.distribution} {plugin.version}",
            plugin.problem or "",
        )
        for plugin in health.plugins
    ]


def _mark(ok: bool) -> tuple[str]:
    return ("ok" if ok else "FAILED",)


def _print_table(console: "rich.console.Console", title: str, rows: list[tuple[str, ...]]) -> None:
    import rich.table
    import rich.text

    console.print(title, style="bold")
    table = rich.table.Table(show_header=False, box=None)
    for row in rows:
        table.add_row(*(rich.text.Text(cell, style=_style(cell)) for cell in row))
    console.print(table)
    console.print()


def _style(cell: str) -> str:
    return {"ok": "green", "FAILED": "bold red"}.get(cell, "")
