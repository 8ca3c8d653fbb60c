"""`kerastl train`: train a model, or resume an interrupted run."""

import sys
from pathlib import Path

import click

from kerastl.cli import completion, options
from kerastl.cli.score_tables import show_run
from kerastl.errors import ConfigError


@click.command("train")
@click.argument("config", required=False, type=click.Path(path_type=Path))
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Folder of the run.")
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
    no_cache: bool,
    is_quiet: bool,
    as_json: bool,
) -> None:
    """Train a model with CONFIG, or resume an interrupted run with --resume."""
    if seed is not None:
        overrides = (*overrides, f"fit.seed={seed}")
    if (config is None) == (resume is None):
        raise ConfigError(
            "Nothing to train was given.",
            expected="one of: a config, or --resume RUN",
            fix="`kerastl config init` writes a config.",
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
    if config is not None:
        load_config(config, overrides)  # shows its errors before what trains is imported
    from kerastl import pipeline
    from kerastl.cli.console import TerminalProgress

    with TerminalProgress(is_quiet) as progress:
        if resume is not None:
            run, is_trained = pipeline.resume_and_score(
                resume, cache=not no_cache, progress=progress
            )
        else:
            assert config is not None
            run = pipeline.train_and_score(
                config,
                output=output,
                overrides=overrides,
                cache=not no_cache,
                progress=progress,
            )
            is_trained = True
    if run is None:  # the first worker writes it
        return
    try:
        show_run(run, as_json=as_json, is_quiet=is_quiet)
        sys.stdout.flush()
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(
            f"The run is written; `kerastl train --resume {run.path}` adds its report."
        ) from stop
    with TerminalProgress(is_quiet) as progress:
        pipeline.add_report(run, trust=is_trained, progress=progress)
