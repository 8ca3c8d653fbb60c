"""`kerastl compare`: train the variants of an axis and compare their test scores."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kerastl.cli import completion, options
from kerastl.cli.columns import show_columns
from kerastl.errors import counted

if TYPE_CHECKING:
    from kerastl.compare.contrasts import ContrastResult
    from kerastl.compare.result import ComparisonResult
    from kerastl.compare.verdicts import ScoreDifferences


@click.command("compare")
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--axis",
    required=True,
    metavar="AXIS",
    help="sharing, trainable, uncertain, backbone=A,B, unknown, examples, or KEY=V1,V2.",
)
@click.option(
    "--seeds",
    default=3,
    show_default=True,
    type=click.IntRange(min=1),
    help="Trainings per variant.",
)
@click.option("--seed", type=int, help="Seed of the first training, as --set fit.seed=N.")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Folder of the comparison.")
@completion.set_option
@click.option("--no-cache", is_flag=True, help="Neither use nor fill the feature cache.")
@options.quiet
@click.option("--json", "as_json", is_flag=True, help="Print compare.json.")
def command(
    config: Path,
    seed: int | None,
    overrides: tuple[str, ...],
    no_cache: bool,
    is_quiet: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Train the variants of an axis on the same rows and compare their test scores.

    \b
    sharing    one network for all tasks, one for each, all but each: frozen, fine-tuned, scratch
    trainable  false, the last stages, true, from scratch
    uncertain  ignore, positive, negative, soft labels
    backbone   any list: backbone=applications:mobilenet_v2,tiny:image
    unknown    masked, drop rows, blanks as no
    examples   50, 200, all training rows: a learning curve
    KEY=V1,V2  any key of the config: fit.learning_rate=1.0e-3,1.0e-4

    The others are compared with the first value. Values other than the defaults follow an equals
    sign, as in trainable=false,true or examples=100,all. Give the same command again to continue a
    comparison that was interrupted.
    """
    from kerastl.cli.console import TerminalProgress
    from kerastl.compare import compare

    if seed is not None:
        overrides = (*overrides, f"fit.seed={seed}")
    with TerminalProgress(is_quiet) as progress:
        found = compare(
            config, overrides=overrides, cache=not no_cache, progress=progress, **settings
        )
    if as_json:
        click.echo(json.dumps({"comparison": str(found.path), **found.values}, indent=2))
        return
    show_comparison(found.result)
    click.echo(f"\nComparison: {found.path}")
    click.echo(f"Report:     {found.path / 'report.html'}")


def show_comparison(result: "ComparisonResult") -> None:
    """Prints the answers, the variants with their costs, the conditions and the findings."""
    for answer in result.answers:
        _show_answer(answer)
    _show_variants(result)
    for line in _lines(result):
        click.echo(line)


def _show_answer(answer: "ContrastResult") -> None:
    rows = [row for task, found in answer.tasks.items() for row in _differences(task, found)]
    name = "macro" if answer.mean_of == "all" else f"macro ({answer.mean_of} tasks)"
    totals = _differences(name, answer.macro) if len(answer.tasks) > 1 else []
    show_columns(
        ("task and score", "difference (95 %)", "verdict"),
        [*rows, *totals],
        title=answer.question[0].upper() + answer.question[1:],
        texts=(1, 2),
        num_totals=len(totals),
    )


def _differences(task: str, found: "ScoreDifferences") -> list[tuple[str, ...]]:
    return [
        (
            f"{task}, {score}",
            f"{_figure(one.difference, '{:+.3f}')}{_between(one.interval)}",
            one.verdict,
        )
        for score, one in (("AUC", found.auc), ("log loss", found.log_loss))
    ]


def _show_variants(result: "ComparisonResult") -> None:
    rows = [
        (
            side.name,
            _figure(side.macro.auc.mean),
            _figure(side.macro.log_loss.mean),
            _figure(side.cost.seconds, "{:.0f}"),
            _figure(side.cost.parameters, "{:,.0f}"),
            _figure(side.cost.bytes / 1e6, "{:.1f}"),
            _figure(side.cost.milliseconds_per_example, "{:.2f}"),
        )
        for side in result.sides
    ]
    title = "Variants: scores, seconds to train, weights, size, milliseconds per example"
    show_columns(("variant", "AUC", "log loss", "s", "weights", "MB", "ms"), rows, title=title)


def _lines(result: "ComparisonResult") -> Iterator[str]:
    scored = result.scored
    rows = counted(scored.rows, f"{scored.part} row")
    groups = counted(scored.groups, scored.unit.removesuffix("s"))
    yield (
        f"Scored on {rows} in {groups}; {counted(len(result.seeds), 'training')} per variant. "
        f"Intervals: 95 %, from the paired bootstrap over {scored.unit} and, apart from it, the "
        "differences between trainings."
    )
    yield from result.costs
    if result.conditions:
        yield "\nConditions:"
    for condition in result.conditions:
        holds = {True: "holds", False: "does not hold", None: "unclear"}[condition.holds]
        mode = f"{condition.mode}: " if condition.mode else ""
        yield f"  {holds:<13} {mode}{condition.condition}"
    yield f"\nRecommendation: {result.recommendation}"
    yield "\nFindings:"
    yield from (f"  {finding}" for finding in result.findings)
    yield from (f"  {note}" for note in result.notes)


def _figure(value: float, form: str = "{:.3f}") -> str:
    return "-" if value != value else form.format(value)


def _between(interval: Sequence[float] | None) -> str:
    return "" if interval is None else f" {interval[0]:+.3f}…{interval[1]:+.3f}"
