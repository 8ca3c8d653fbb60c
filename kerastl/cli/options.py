"""Options that several commands have."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kerastl.cli import completion
from kerastl.cli.table_output import refuse_unwritable
from kerastl.errors import RunError
from kerastl.progress import Progress

if TYPE_CHECKING:
    from kerastl.run.shards import Part, Shard
    from kerastl.run.work import Executor, Work

F = TypeVar("F", bound=Callable[..., Any])

quiet = click.option(
    "--quiet", "-q", "is_quiet", is_flag=True, help="Print only results and warnings."
)

runs = click.argument(
    "runs",
    type=click.Path(path_type=Path),
    nargs=-1,
    required=True,
    metavar="RUN...",
    shell_complete=completion.runs,
)

shard = click.option(
    "--shard",
    metavar="I/N",
    help="Compute only share I of N, counted from 0, and write it into the folder --output.",
)


on = click.option(
    "--on",
    metavar="NAME[://ADDRESS]",
    help="Compute all shares on the workers of an executor, such as ray, into the folder --output.",
)


def parts_folder(use: str) -> Callable[[F], F]:
    """Returns the option `--output` of a command that writes nothing else than parts.

    Args:
        use: What `kerastl merge` does with them, such as "scores".
    """
    return click.option(
        "--output",
        "-o",
        type=click.Path(path_type=Path),
        help=f"With --shard or --on: folder of the parts, which `kerastl merge` {use}.",
    )


@dataclass(frozen=True)
class Parts:
    """Where the parts of a command are computed and written."""

    folder: Path
    shard: "Shard | None"  # the only one to compute; or all
    executor: "Executor | None"  # that computes all

    def compute(self, work: "Work", *, progress: Progress) -> Sequence["Part"]:
        """Computes the parts, or the only one; returns them."""
        from kerastl.run.work import compute_part, compute_parts

        if self.shard is not None:
            return [compute_part(self.folder, self.shard, work, progress=progress)]
        assert self.executor is not None
        return compute_parts(self.folder, work, self.executor, progress=progress)


def parse_parts(
    shard: str | None,
    on: str | None,
    output: Path | None,
    *,
    instead: str | None = None,
    **others: object,
) -> Parts | None:
    """Returns what parts are asked for, after checking that there is a folder for them.

    Args:
        shard: The value of `--shard`.
        on: The value of `--on`.
        output: The value of `--output`.
        instead: What to do without parts if `--output` has no effect then; None if it has one.
        others: Name and value of the options that cannot be combined with them.

    Raises:
        RunError: There is no folder, or one without parts, or an option that cannot be combined.
        KerastlError: There is no such executor.
    """
    if shard is None and on is None:
        if output is not None and instead is not None:
            raise RunError("--output has no effect without --shard or --on.", fix=instead)
        return None
    from kerastl.run.executors import find_executor
    from kerastl.run.shards import Shard

    option = "--on" if shard is None else "--shard"
    parsed = None if shard is None else Shard.parse(shard)
    for name, value in (("on", shard and on), *others.items()):
        if value:
            other = f"--{name.replace('_', '-')}"
            raise RunError(f"{option} and {other} cannot be used together.", fix="Use one of them.")
    if output is None or output.is_file():
        raise RunError(
            "A shard writes its part into a folder."
            if shard
            else "The workers compute parts, which are written into a folder.",
            where="--output",
            expected="the folder that all shards of the job share" if shard else "a folder",
            received="nothing" if output is None else f"the file {output}",
        )
    refuse_unwritable(output / (parsed.file_name if parsed else "part"))
    return Parts(output, parsed, None if on is None else find_executor(on))
