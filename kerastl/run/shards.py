"""Shards of a job on several machines, and the parts that they write.

Convention: the rows of a shard depend on the number of examples and of shards alone. A part is one
Parquet file with its manifest inside, written under a temporary name, so it exists whole or not at
all, and merging needs no other record of what was done.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from kerastl.errors import RunError
from kerastl.versions import installed_version

BLOCK = 16  # rows that are computed together, so that shards compute the batches of one process
ROW = "kerastl_row"  # column with the index of the example

_MANIFEST = b"kerastl"
_SHOWN = 5
_DIFFERENCES = {
    "command": "of another command",
    "version": "of another version of kerastl",
    "model": "of another run or config, or one that has changed",
    "counts": "of other examples",
    "inputs": "of other examples",
    "features": "of other features of the same examples",
    "num_shards": "of another number of shards",
}


@dataclass(frozen=True)
class Shard:
    """One of the equal shares of a job, counted from 0."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Returns the shard of a text such as `"3/10"`.

        Raises:
            RunError: It is not `i/n` with i from 0 to n-1.
        """
        match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text, re.ASCII)
        index, count = map(int, match.groups()) if match else (0, 0)
        if index >= count:
            last = f"0/{count} to {count - 1}/{count}" if count else "0/10 to 9/10 of ten shards"
            raise RunError(
                "The shard is not one of the job.",
                where="--shard",
                expected=f"i/n with i counted from 0: {last}",
                received=f"'{text}'",
            )
        return cls(index, count)

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    @property
    def file_name(self) -> str:
        """Name of the part."""
        return f"part-{self.index:05}-of-{self.count:05}.parquet"

    def rows(self, num_examples: int, block: int = BLOCK) -> np.ndarray:
        """Returns the indices of the shard's examples, which are whole blocks next to each other.

        There are none if there are more shards than blocks.
        """
        num_blocks = -(-num_examples // block)
        first, end = (block * (num_blocks * i // self.count) for i in (self.index, self.index + 1))
        return np.arange(first, min(end, num_examples))


@dataclass(frozen=True, kw_only=True)
class Job:
    """What all shards have in common; parts of different jobs cannot be merged."""

    command: str
    num_shards: int = 1
    counts: tuple[int, ...]  # of examples that engines compute apart from others
    inputs: str  # hash of what the examples are
    model: str  # hash of what computes
    run: str | None = None  # path; only to score
    table: str | None = None  # path, or None: the run's own
    split: str | None = None
    block: int = BLOCK  # number of examples that are computed together
    noun: str = "example"  # what the rows of the job are called
    features: str = ""  # hash of the features of the examples, if heads are solved on them
    config: str = ""  # as JSON, if the parts become a run
    version: str = field(default_factory=partial(installed_version, "kerastl"))

    def rows(self, shard: Shard) -> np.ndarray:
        """Returns the indices of a shard's examples, which are in the order of the counts."""
        firsts = np.cumsum((0, *self.counts[:-1]))
        pairs = zip(firsts, self.counts, strict=True)
        blocks = [first + shard.rows(count, self.block) for first, count in pairs]
        return np.concatenate(blocks)

    def difference(self, other: "Job") -> str | None:
        """Returns in which way another job is different, or None if it is the same."""
        names = (name for name in _DIFFERENCES if getattr(self, name) != getattr(other, name))
        return next((_DIFFERENCES[name] for name in names), None)


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one shard has computed, in its file."""

    path: Path
    job: Job
    shard: Shard
    engine: str  # label of what computed, empty if there was nothing to compute

    @classmethod
    def read(cls, path: Path) -> "Part":
        """Reads the manifest of a part, or raises an `OSError` or a `ValueError`."""
        metadata = pq.read_schema(path).metadata or {}
        try:
            given = dict(json.loads(metadata[_MANIFEST]))
            shard = Shard(given.pop("shard"), given["num_shards"])
            given["counts"] = tuple(given["counts"])
            return cls(path=path, shard=shard, engine=given.pop("engine"), job=Job(**given))
        except (KeyError, TypeError):
            raise ValueError("no part of this version of kerastl") from None

    def rows(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Returns the rows with the column `ROW`, or raises one of these errors if damaged.

        If there are rows, only these columns of them can be read.
        """
        file = pq.ParquetFile(self.path, page_checksum_verification=True)
        return file.read(columns if file.metadata.num_rows else None).to_pandas()


def hash_of(*values: Any) -> str:
    """Returns a hash of values that have JSON, or of arrays."""
    digest = hashlib.sha256()
    for value in values:
        is_array = isinstance(value, np.ndarray)
        digest.update(value.tobytes() if is_array else json.dumps(value, sort_keys=True).encode())
    return digest.hexdigest()


def part_content(job: Job, shard: Shard, frame: pd.DataFrame, engine: str) -> bytes:
    """Returns the file of a part.

    Args:
        job: What it is a part of.
        shard: The shard.
        frame: A row for each of the shard's examples.
        engine: Label of what computed, empty if there was nothing to compute.
    """
    frame = frame.assign(**{ROW: job.rows(shard)})
    manifest = {**asdict(job), "shard": shard.index, "engine": engine}
    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.replace_schema_metadata(
        {**(table.schema.metadata or {}), _MANIFEST: json.dumps(manifest).encode()}
    )
    content = pa.BufferOutputStream()
    pq.write_table(table, content, write_page_checksum=True)
    return bytes(content.getvalue())


def read_parts(folder: Path) -> list[Part]:
    """Returns all parts of a job in their order, after checking that nothing is lost or doubled.

    Raises:
        RunError: There are no parts; or a part is missing, damaged, doubled, or of another job.
    """
    paths = part_files(folder)
    if not paths:
        raise RunError(
            "There are no parts to merge.",
            where=str(folder),
            expected="the folder after --output of the commands with --shard",
        )
    problems: dict[Path, str] = {}
    read: list[Part] = []
    for path in paths:
        try:
            part = Part.read(path)
            if not np.array_equal(part.rows()[ROW], part.job.rows(part.shard)):
                problems[path] = f"not the rows of shard {part.shard}"
            read.append(part)
        except (OSError, ValueError) as error:
            problems[path] = f"cannot be read ({str(error).splitlines()[0][:80]})"
    if not read:
        raise _incomplete(folder, problems, (), "?")
    job = Counter(part.job for part in read).most_common(1)[0][0]
    for part in read:
        difference = job.difference(part.job)
        if difference is not None:
            problems[part.path] = f"is {difference}"
        elif part.path.name != part.shard.file_name:
            problems[part.path] = f"is the part of shard {part.shard} under another name"
    found = {part.shard.index: part for part in read if part.path not in problems}
    missing = [index for index in range(job.num_shards) if index not in found]
    if problems or missing:
        raise _incomplete(folder, problems, missing, str(job.num_shards))
    return [found[index] for index in sorted(found)]


def merged(parts: Sequence[Part], columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Returns the rows of all parts in the order of the examples, without their indices."""
    frames = [frame for part in parts if len(frame := part.rows(columns))]
    return pd.concat(frames or [pd.DataFrame()], ignore_index=True).drop(
        columns=ROW, errors="ignore"
    )


def engines_text(parts: Sequence[Part]) -> str:
    """Returns the labels of the engines that computed, in the order of the parts."""
    return "; ".join(dict.fromkeys(part.engine for part in parts if part.engine))


def part_files(folder: Path) -> list[Path]:
    """Returns the files of parts in a folder, by name."""
    return sorted(folder.glob("part-*.parquet"))


def _incomplete(
    folder: Path, problems: Mapping[Path, str], missing: Sequence[int], count: str
) -> RunError:
    shown = [f"{path.name}: {problem}" for path, problem in sorted(problems.items())]
    hidden = len(shown) - _SHOWN
    listed = ",".join(map(str, missing))
    steps = [
        *(["delete the files named above"] if problems else []),
        *([f"run the shards {listed} of {count} (again)"] if missing else []),
    ]
    return RunError(
        "The parts are not complete, so nothing is merged."
        if missing or not problems
        else "There are other files among the parts, so nothing is merged.",
        problems=[*shown[:_SHOWN], *([f"and {hidden:,} more files"] if hidden > 0 else [])],
        where=str(folder),
        expected=f"the parts of {count} shards of one job",
        received=f"{len(missing):,} of them are missing" if missing else None,
        fix=" and ".join(steps).capitalize() + ".",
    )
