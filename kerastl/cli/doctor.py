"""`kerastl doctor`: check the installation and the behavior of Keras."""

import json
import sys

import click
import rich.console
import rich.table
import rich.text

from kerastl import health


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """Check versions, devices, plugins and Keras's behavior.

    Trains a tiny model several times, which takes a few seconds. The exit code is 1 if there are
    problems, otherwise 0.
    """
    report = health.examine()
    if as_json:
        click.echo(json.dumps(report.facts(), indent=2))
    else:
        _show(report)
    sys.exit(1 if report.problems else 0)


def _show(report: health.Health) -> None:
    console = rich.console.Console(highlight=False)
    _print_table(console, "Versions", [(name, v or "missing") for name, v in _software(report)])
    _print_table(console, f"Devices ({report.backend})", [(device,) for device in report.devices])
    _print_table(console, "Plugins", _plugin_rows(report))
    _print_table(console, "Behavior", [(_mark(c.ok), c.name, c.detail) for c in report.checks])
    console.print("No problems." if not report.problems else "Problems:", style="bold")
    for problem in report.problems:
        console.print(f"  - {problem}", markup=False, soft_wrap=True)


def _software(report: health.Health) -> list[tuple[str, str | None]]:
    backends = {
        f"backend {name}{' (used)' if name == report.backend else ''}": version or "not installed"
        for name, version in report.backends.items()
    }
    return [*report.versions.items(), *backends.items()]


def _plugin_rows(report: health.Health) -> list[tuple[str, ...]]:
    return [
        (
            _mark(plugin.problem is None),
            plugin.family,
            f"{plugin.distribution} {plugin.version}",
            plugin.problem or "",
        )
        for plugin in report.plugins
    ]


def _mark(ok: bool) -> str:
    return "ok" if ok else "FAILED"


def _print_table(console: rich.console.Console, title: str, rows: list[tuple[str, ...]]) -> None:
    console.print(title, style="bold")
    table = rich.table.Table(show_header=False, box=None)
    for row in rows:
        table.add_row(*(rich.text.Text(cell, style=_style(cell)) for cell in row))
    console.print(table)
    console.print()


def _style(cell: str) -> str:
    return {"ok": "green", "FAILED": "bold red"}.get(cell, "")
