"""`kerastl serve`: answer requests over HTTP with runs."""

import importlib.util
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from kerastl.cli import options
from kerastl.errors import KerastlError, RunError, counted
from kerastl.serving.limits import Limits

_PACKAGES = ("fastapi", "uvicorn", "python_multipart", "prometheus_client")
_COUNT, _AMOUNT = click.IntRange(1), click.FloatRange(0, min_open=True)


def _limit(name: str, kind: click.ParamType, default: float, text: str) -> Callable[..., Any]:
    return click.option(name, type=kind, default=default, show_default=True, help=text)


@click.command("serve")
@options.runs
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: a free one."
)
@_limit("--max-batch", _COUNT, Limits.max_batch, "Most examples that a model computes at once.")
@_limit(
    "--max-wait-ms",
    click.FloatRange(0),
    1000 * Limits.max_wait_seconds,
    "Longest wait of an example for others.",
)
@_limit("--max-megabytes", _AMOUNT, Limits.max_bytes / 2**20, "Largest request.")
@_limit("--max-files", _COUNT, Limits.max_files, "Most files of a request.")
@_limit(
    "--max-megapixels",
    _AMOUNT,
    Limits.max_values / 1e6,
    "Largest image; of audio, the most samples in millions.",
)
@_limit("--max-seconds", _AMOUNT, Limits.max_seconds, "Longest time of a request.")
@_limit(
    "--max-pending",
    _COUNT,
    Limits.max_pending,
    "Most examples in progress; further requests are told to come back later.",
)
@click.option("--no-cache", is_flag=True, help="Do not use the cache of converted networks.")
@options.quiet
def command(
    runs: tuple[Path, ...],
    host: str,
    port: int,
    max_batch: int,
    max_wait_ms: float,
    max_megabytes: float,
    max_files: int,
    max_megapixels: float,
    max_seconds: float,
    max_pending: int,
    no_cache: bool,
    is_quiet: bool,
) -> None:
    """Serve each RUN over HTTP by the name of its folder.

    POST files to /predict/NAME, or requests of the Open Inference Protocol to
    /v2/models/NAME/infer. At / is a page to drop a file on, at /metrics are metrics for Prometheus.
    The answers are those of `kerastl predict`.

    SIGTERM and Ctrl-C end the server when everything that it has accepted is answered.
    """
    _refuse_missing()
    if max_files > max_pending:
        raise KerastlError(
            "A request with the most files would always be refused.",
            where=f"--max-files {max_files} --max-pending {max_pending}",
            expected="at most as many files of a request as examples in progress",
            fix="Raise --max-pending, or lower --max-files.",
        )
    named = _named(runs)
    listener = _listen(host, port)
    from kerastl.cli.console import TerminalProgress
    from kerastl.runs import load_run
    from kerastl.serving.app import Server, serve
    from kerastl.serving.served_run import ServedRun

    limits = Limits(
        max_batch=max_batch,
        max_wait_seconds=max_wait_ms / 1000,
        max_bytes=int(max_megabytes * 2**20),
        max_files=max_files,
        max_values=int(max_megapixels * 1e6),
        max_seconds=max_seconds,
        max_pending=max_pending,
    )
    served = []
    with TerminalProgress(is_quiet) as progress:
        for name, path in named.items():
            progress.step(f"Loading {name}", None)
            run = load_run(path)
            served.append(ServedRun(name, run, cache=not no_cache, progress=progress))
    address = "http://{}:{}".format(*listener.getsockname()[:2])
    click.echo(f"Serving {counted(len(served), 'run')} at {address}")
    serve(Server(served, limits), listener)


def _named(paths: Sequence[Path]) -> dict[str, Path]:
    """Returns runs by the names of their folders."""
    named: dict[str, Path] = {}
    for path in paths:
        other = named.setdefault(path.resolve().name, path)
        if other is not path:
            raise RunError(
                f"Two runs would be served as '{path.resolve().name}'.",
                received=f"{other} and {path}",
                fix="Rename one of the folders.",
            )
    return named


def _refuse_missing() -> None:
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise KerastlError(
            f"Serving needs {' and '.join(missing)}.", fix="pip install 'kerastl[serve]'"
        )


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=2048)
    except (OSError, UnicodeError) as error:
        raise KerastlError(
            "The server cannot listen there.",
            where=f"--host {host} --port {port}",
            received=getattr(error, "strerror", None) or str(error),
            fix="Choose another --port; 0 is a free one.",
        ) from None
