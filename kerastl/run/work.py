"""The work of a job, which shards or the workers of an executor compute part by part.

Convention: a part is written by the process of the command alone. An executor only computes, so its
workers may be anywhere, die at any time and compute a part twice.
"""

import contextlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from kerastl.data.inputs.streams import Decoded
from kerastl.errors import RunError, counted
from kerastl.files import replacing
from kerastl.progress import SILENT, Progress
from kerastl.run.shards import Job, Part, Shard, part_content, part_files
from kerastl.training.exact_head.partitions import Partitions
from kerastl.versions import installed_version

_PART_ROWS = 512  # enough that a part takes seconds, and few enough to be computed again
_MOST_PARTS = 10_000


@dataclass(frozen=True, kw_only=True)
class Work(ABC):
    """Computes the rows of a job, in this process or, pickled, in others.

    Pickling leaves out what was computed from the fields, such as a model. An object computes many
    parts, so it keeps what is expensive.
    """

    job: Job

    def __getstate__(self) -> dict[str, Any]:
        kept = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**kept, "_folder": os.getcwd()}  # noqa: PTH109  # relative paths start here

    def begin(self) -> None:
        """Prepares a worker process for the work.

        Raises:
            RunError: The worker has another version of kerastl.
        """
        refuse_other_version(self.job.version)
        with contextlib.suppress(OSError):  # then only absolute paths can be read
            os.chdir(vars(self)["_folder"])

    def in_shards(self, count: int) -> Self:
        """Returns the same work in a number of shards."""
        return replace(self, job=replace(self.job, num_shards=count))

    def decode(self, shard: Shard) -> Decoded | None:
        """Reads the examples of a shard for `part` in another process; None if that does not help.

        Raises:
            MediaError: A file is unreadable, and the job has no rows for errors.
        """
        return None

    def part(
        self, shard: Shard, decoded: Decoded | None = None, *, progress: Progress = SILENT
    ) -> bytes:
        """Returns the file of the part of a shard.

        Args:
            shard: The shard.
            decoded: What `decode` has returned, or None to read the files.
            progress: Receives progress updates.

        Raises:
            MediaError: A file is unreadable, and the job has no rows for errors.
        """
        rows = self.job.rows(shard)
        computed = self.compute(rows, decoded, progress=progress) if len(rows) else None
        return part_content(self.job, shard, *(computed or (pd.DataFrame(), "")))

    @abstractmethod
    def compute(
        self, rows: np.ndarray, decoded: Decoded | None = None, *, progress: Progress
    ) -> tuple[pd.DataFrame, str]:
        """Returns the table with a row per example at these indices, and the engine's label."""


Divide = Callable[[np.ndarray, np.ndarray], Partitions]
"""From features of all examples and the rows that are fitted to partitions of these rows."""


class Executor(ABC):
    """Computes parts by the workers at an address.

    Args:
        address: What follows after the name in `--on`, without `://`; may be empty.

    Raises:
        RunError: This is no address.
    """

    @abstractmethod
    def __init__(self, address: str):
        """Connects to nothing yet."""

    @abstractmethod
    def parts(
        self, work: Work, shards: Sequence[Shard], *, progress: Progress
    ) -> Generator[tuple[Shard, bytes], None, None]:
        """Yields the part of each shard once, in any order; closing the iterator ends the workers.

        A worker unpickles the work, calls its `begin`, and then its `part` for each shard that it
        receives. A worker without a use for its processors can call `decode` before. Neither the
        number of parts that wait to be consumed nor that of decoded shards may grow with `shards`.

        Raises:
            KerastlError: What a worker raised; or the workers cannot be reached, or die each time.
        """

    def holding(self, *, progress: Progress) -> AbstractContextManager[Divide]:
        """Connects to workers that can hold features; yields what divides features among them.

        `kerastl train --on` needs it. A worker applies the methods of a `Partition` to its rows.
        What one holds that dies has to be made again: from its features by the methods in
        `Partition.CHANGES`, each as it was called last, in the order of the first calls.

        Raises:
            KerastlError: The workers cannot be reached, or die each time; or they hold nothing.
        """
        raise RunError(
            "The executor cannot solve heads.",
            where="--on",
            fix="Solve them by `kerastl train --shard`.",
        )


def refuse_other_version(expected: str) -> None:
    """Raises a `RunError` if this process of a worker has another version of kerastl."""
    installed = installed_version("kerastl")
    if installed != expected:
        raise RunError(
            "The workers have another version of kerastl.",
            expected=expected,
            received=installed,
            fix=f"pip install kerastl=={expected} on the machines of the workers.",
        )


def compute_part(folder: Path, shard: Shard, work: Work, *, progress: Progress) -> Part:
    """Writes the part of a shard unless it is finished; returns it.

    Args:
        folder: Folder of all parts, which is created.
        shard: The shard.
        work: What computes it.
        progress: Receives a note if the part is finished already.

    Raises:
        RunError: The folder contains parts of another job.
    """
    work = work.in_shards(shard.count)
    path = folder / shard.file_name
    _refuse_other_job([path, *part_files(folder)], work.job)
    if path.exists():
        try:
            part = Part.read(path)
            part.rows()
        except (OSError, ValueError):
            progress.note(f"{path} is damaged and computed again.")
        else:
            progress.note(f"Shard {shard} is finished already: {path}")
            return part
    _write_part(path, work.part(shard, progress=progress))
    if num_rows := len(work.job.rows(shard)):
        progress.note(f"Shard {shard}: {counted(num_rows, work.job.noun)} in {path}")
    else:
        progress.note(
            f"Shard {shard} has nothing to do, because there are fewer blocks of {work.job.block} "
            f"{work.job.noun}s than shards. Its part is empty: {path}"
        )
    return Part.read(path)


def compute_parts(
    folder: Path, work: Work, executor: Executor, *, progress: Progress
) -> list[Part]:
    """Writes the parts of all shards that are not finished; returns all.

    The number of shards is that of the parts which are there, or depends on the number of examples.

    Raises:
        RunError: The folder contains parts of another job, or the executor fails.
    """
    files = part_files(folder)
    begun = next(_jobs(files), None)
    num_rows = sum(work.job.counts)
    usual = min(max(1, -(-num_rows // _PART_ROWS)), _MOST_PARTS)
    work = work.in_shards(usual if begun is None else begun.num_shards)
    _refuse_other_job(files, work.job)
    shards = [Shard(index, work.job.num_shards) for index in range(work.job.num_shards)]
    finished = {path.name for path in files if next(_jobs([path]), None) == work.job}
    missing = [shard for shard in shards if shard.file_name not in finished]
    done = num_rows - sum(len(work.job.rows(shard)) for shard in missing)
    if done:
        progress.note(f"{len(finished)} of {counted(len(shards), 'part')} are finished already.")
    progress.step("Computing", num_rows)
    progress.advance(done)
    if missing:
        with closing(executor.parts(work, missing, progress=progress)) as parts:
            for shard, content in parts:
                _write_part(folder / shard.file_name, content)
                done += len(work.job.rows(shard))
                progress.advance(done)
    progress.note(f"{counted(len(shards), 'part')} of {counted(num_rows, 'example')} in {folder}")
    return [Part.read(folder / shard.file_name) for shard in shards]


def _write_part(path: Path, content: bytes) -> None:
    try:
        with replacing(path, sync=True) as temporary:
            temporary.write_bytes(content)
    except FileNotFoundError:  # another process that wrote this part was faster and has cleaned up
        if not path.exists():
            raise


def _jobs(files: Iterable[Path]) -> Iterator[Job]:
    """Yields the jobs of the parts that are there and can be read."""
    for path in files:
        with contextlib.suppress(OSError, ValueError):
            yield Part.read(path).job


def _refuse_other_job(files: Sequence[Path], job: Job) -> None:
    """Compares the job with that of the first part; the others are compared when they are merged.

    A damaged part is computed again, or named when the parts are merged.
    """
    for path in files:
        for found in _jobs([path]):
            if difference := found.difference(job):
                raise RunError(
                    f"The folder already contains parts {difference}.",
                    where=str(path),
                    fix="Choose another folder with --output, or delete the parts that are "
                    "outdated.",
                )
            return
