"""`kerastl doctor`: check the installation and the behavior of Keras."""

import json
import sys

import click

from kerastl import health
from kerastl.cli.columns import show_columns


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
    _show_rows("Versions", [(name, v or "missing") for name, v in _software(report)])
    _show_rows(f"Devices ({report.backend})", [(device,) for device in report.devices])
    _show_rows("Engines for features, fastest first", [(engine,) for engine in report.engines])
    _show_rows("Plugins", _plugin_rows(report))
    _show_rows("Behavior", [(c.name, _mark(c.ok), c.detail) for c in report.checks])
    click.secho("No problems." if not report.problems else "Problems:", bold=True)
    for problem in report.problems:
        click.echo(f"  - {problem}")


def _software(report: health.Health) -> list[tuple[str, str | None]]:
    backends = {
        f"backend {name}{' (used)' if name == report.backend else ''}": version or "not installed"
        for name, version in report.backends.items()
    }
    return [*report.versions.items(), *backends.items()]


def _plugin_rows(report: health.Health) -> list[tuple[str, ...]]:
    return [
        (
            plugin.family,
            _mark(plugin.problem is None),
            f"{plugin.distribution} {plugin.version}",
            plugin.problem or "",
        )
        for plugin in report.plugins
    ]


def _mark(ok: bool) -> str:
    return "ok" if ok else "FAILED"


def _show_rows(title: str, rows: list[tuple[str, ...]]) -> None:
    num_columns = len(rows[0]) if rows else 1
    show_columns([""] * num_columns, rows, title=title, texts=range(num_columns))
