"""`kerastl train`: train a model, or resume an interrupted run."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kerastl.cli import completion, options
from kerastl.cli.score_tables import show_run
from kerastl.errors import ConfigError

if TYPE_CHECKING:
    from kerastl.runs import Run
    from kerastl.training.solving import Solving


@click.command("train")
@click.argument("config", required=False, type=click.Path(path_type=Path))
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    help="Folder of the run; with --shard, of the parts.",
)
@completion.set_option
@click.option("--seed", type=int, help="Seed of the training, as --set fit.seed=N.")
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    shell_complete=completion.runs,
    help="Resume an interrupted run.",
)
@click.option(
    "--workers",
    metavar="HOST:PORT,...",
    help="Addresses of all workers of a training on several machines.",
)
@click.option(
    "--worker", type=int, metavar="I", help="Which of them this is, from 0; the first one writes."
)
@options.shard
@click.option(
    "--on",
    metavar="NAME[://ADDRESS]",
    help="Solve the heads on the workers of an executor, such as ray, which hold the features.",
)
@click.option("--no-cache", is_flag=True, help="Do not use the feature cache.")
@options.quiet
@click.option("--json", "as_json", is_flag=True, help="Print the scores as JSON.")
def command(
    config: Path | None,
    output: Path | None,
    overrides: tuple[str, ...],
    seed: int | None,
    resume: Path | None,
    workers: str | None,
    worker: int | None,
    shard: str | None,
    on: str | None,
    no_cache: bool,
    is_quiet: bool,
    as_json: bool,
) -> None:
    """Train a model with CONFIG, or resume an interrupted run with --resume.

    With --shard, only the heads of a share of the tasks are solved, in blocks of 32 tasks, and
    `kerastl merge` makes the run of the parts. With --on, the examples are shared instead. Both
    need heads that are solved exactly.
    """
    if seed is not None:
        overrides = (*overrides, f"fit.seed={seed}")
    if (config is None) == (resume is None):
        raise ConfigError(
            "Nothing to train was given.",
            expected="one of: a config, or --resume RUN",
            fix="`kerastl config init` writes a config.",
        )
    also_on = None if shard is None else on  # refused; alone, it writes no parts
    parts = options.parse_parts(
        shard, also_on, output, resume=resume, workers=workers, json=as_json
    )
    if resume is not None and (output is not None or overrides):
        raise ConfigError(
            "A resumed run keeps its folder and its config.",
            received="--output, --set or --seed beside --resume",
            fix="Leave them out, or start a new run with `kerastl train CONFIG`.",
        )
    from kerastl.config import load_config

    if workers is not None or worker is not None:
        from kerastl.training.cluster import set_cluster

        set_cluster(workers or "", worker)
    # Shows the errors of the config before what trains is imported.
    settings = None if config is None else load_config(config, overrides)
    from kerastl.cli.console import TerminalProgress

    if parts is not None:
        from kerastl.head_solving import head_work

        assert settings is not None
        with TerminalProgress(is_quiet) as progress:
            work = head_work(settings, cache=not no_cache, progress=progress)
            parts.compute(work, progress=progress)
        return
    solving = None if on is None else _solving_on(on)
    from kerastl import pipeline

    with TerminalProgress(is_quiet) as progress:
        if resume is not None:
            run, is_trained = pipeline.resume_and_score(
                resume, cache=not no_cache, solving=solving, progress=progress
            )
        else:
            assert config is not None
            run = pipeline.train_and_score(
                config,
                output=output,
                overrides=overrides,
                cache=not no_cache,
                solving=solving,
                progress=progress,
            )
            is_trained = True
    if run is not None:  # the first worker writes it
        conclude(run, is_trained=is_trained, as_json=as_json, is_quiet=is_quiet)


def _solving_on(on: str) -> "Solving":
    from kerastl.run.executors import find_executor

    executor = find_executor(on)
    from kerastl.head_solving import solved_on

    return solved_on(executor)


def conclude(run: "Run", *, is_trained: bool, as_json: bool, is_quiet: bool) -> None:
    """Prints the scores of a run and writes its report."""
    from kerastl import pipeline
    from kerastl.cli.console import TerminalProgress

    try:
        show_run(run, as_json=as_json, is_quiet=is_quiet)
        sys.stdout.flush()
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(
            f"The run is written; `kerastl train --resume {run.path}` adds its report."
        ) from stop
    with TerminalProgress(is_quiet) as progress:
        pipeline.add_report(run, trust=is_trained, progress=progress)
