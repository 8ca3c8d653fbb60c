"""`kerastl export`: export a run for another runtime, and check it."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kerastl.cli import completion, options
from kerastl.cli.columns import show_columns
from kerastl.errors import counted
from kerastl.files import without_nan
from kerastl.records import to_values

if TYPE_CHECKING:
    from kerastl.export.exporting import Exported
    from kerastl.export.parity import Parity

_HEADERS = ("format", "MB", "ms", "largest", "decisions", "AUC", "cost", "95 %", "")


@click.command("export")
@click.argument("run", type=click.Path(path_type=Path), shell_complete=completion.runs)
@click.option(
    "--format",
    "-f",
    "name",
    default="saved_model",
    show_default=True,
    help="saved_model, litert, onnx, openvino, keras or all.",
)
@click.option(
    "--precision",
    help="float32, float16, dynamic (LiteRT) or int8. Default: float32; with all: every precision.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    help="Folder in which each format gets a folder. Default: export in RUN.",
)
@click.option("--table", type=click.Path(path_type=Path), help="Other examples to compare.")
@click.option(
    "--max-auc-cost",
    type=click.FloatRange(min=0),
    default=0.01,
    show_default=True,
    help="How much lower the mean AUC of a quantized model may be.",
)
@click.option(
    "--examples",
    type=click.IntRange(1),
    default=500,
    show_default=True,
    help="Largest number of examples to compare.",
)
@options.quiet
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
def command(
    run: Path,
    name: str,
    precision: str | None,
    output: Path | None,
    table: Path | None,
    max_auc_cost: float,
    examples: int,
    is_quiet: bool,
    as_json: bool,
) -> None:
    """Export RUN for another runtime: one model from raw input to calibrated probabilities.

    The exported model is run by its own runtime, in a process of its own, on the validation
    examples of RUN. If its probabilities differ from those of RUN by more than 0.001 (0.05 with
    float16), or if quantization costs too much AUC, it is removed and the exit code is 2.

    With --format all, formats that cannot be written are listed with the reason. The exit code is 2
    if one of them differs from RUN.
    """
    from kerastl.cli.console import TerminalProgress
    from kerastl.runs import load_run

    finished = load_run(run)
    with TerminalProgress(is_quiet) as progress:
        results = finished.export(
            name,
            output,
            precision=precision,
            table=table,
            max_auc_cost=max_auc_cost,
            examples=examples,
            progress=progress,
        )
    if as_json:
        click.echo(json.dumps([without_nan(_values(result)) for result in results], indent=2))
    else:
        _show(results)
    if any(result.has_other_answers for result in results):
        sys.exit(2)


def _values(result: "Exported") -> dict[str, Any]:
    return {
        "format": result.form.format.name,
        "precision": result.form.precision,
        "path": None if result.path is None else str(result.path),
        "bytes": result.bytes,
        "parity": None if result.parity is None else to_values(result.parity),
        "error": None if result.error is None else str(result.error),
    }


def _show(results: Sequence["Exported"]) -> None:
    compared = [result.parity for result in results if result.parity is not None]
    if compared:
        examples = counted(compared[0].examples, "example")
        title = f"Compared with the run on {examples} of {compared[0].split}"
        show_columns(_HEADERS, [_row(result) for result in results], title=title)
        for line in _by_task(results):
            click.echo(line)
    for result in results:
        if result.error is not None:
            parts = result.error.parts
            click.echo(
                f"{result.form.label}: {result.error.what} {parts['received'] or parts['fix']}"
            )
    for result in results:
        if result.path is not None:
            click.echo(f"Written: {result.path}")


def _row(result: "Exported") -> tuple[str, ...]:
    label = result.form.label
    if result.parity is None or result.bytes is None:
        return (label, *[""] * (len(_HEADERS) - 2), "not possible")
    parity = result.parity
    changed = sum(one.decisions_changed for one in parity.tasks.values())
    interval = parity.auc_cost_interval
    return (
        label,
        f"{result.bytes / 1e6:.2f}",
        f"{parity.milliseconds:.1f}",
        f"{parity.largest_difference:.1e}",
        str(changed),
        f"{parity.export_auc:.4f}",
        f"{parity.auc_cost:+.4f}",
        "" if interval is None else f"{interval[0]:+.4f} to {interval[1]:+.4f}",
        "" if result.error is None else "removed",
    )


def _by_task(results: Sequence["Exported"]) -> Iterator[str]:
    """Yields the tasks of a single result."""
    parities: list[Parity] = [one.parity for one in results if one.parity is not None]
    if len(results) != 1 or not parities:
        return
    for task, one in parities[0].tasks.items():
        yield (
            f"{task}: probabilities differ by up to {one.largest_difference:.1e}, "
            f"{counted(one.decisions_changed, 'decision')} changed, AUC {one.run_auc:.4f} in the "
            f"run and {one.export_auc:.4f} exported"
        )
