"""What is in a table, and what training would stumble over, before any training.

Convention: a problem is what training refuses; a warning is what it accepts and its owner should
know. Rows count from 1, the header not included.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerastl.data.checking.inspection import FileFacts, inspect_files
from kerastl.data.checking.sounds import Listener, SoundCounts, count_sounds
from kerastl.data.tables import duplicates
from kerastl.data.tables.duplicates import Rows
from kerastl.data.tables.examples import Examples
from kerastl.errors import MediaError
from kerastl.progress import SILENT, Progress

_DARK_PEAK = 2**13  # of 65535: below it, a picture of 16 bits holds 13 bits or fewer


@dataclass(frozen=True, kw_only=True)
class TaskCounts:
    """How many cells of one task mean what; `known` is `positive` and `negative` together."""

    task: str
    known: int
    positive: int
    negative: int
    unknown: int
    uncertain: int
    out_of_range: int


@dataclass(frozen=True, kw_only=True)
class BadCell:
    """A cell that no policy knows."""

    row: int
    column: str
    cell: str


@dataclass(frozen=True, kw_only=True)
class BadFile:
    """A file that is missing or unreadable, and why."""

    row: int
    path: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class GroupCounts:
    """Groups and their sizes, in rows; a row with a blank group is a group of its own."""

    count: int
    smallest: int
    median: float
    largest: int
    rows_without_group: int


@dataclass(frozen=True, kw_only=True)
class PictureCounts:
    """What the readable pictures are; sizes are (width, height) in pixels, as stored."""

    formats: dict[str, int]
    smallest: tuple[int, int]
    median: tuple[int, int]
    largest: tuple[int, int]
    num_dark: int


@dataclass(frozen=True, kw_only=True)
class TableReport:
    """All that `check_table` found.

    Args:
        source: The table, by name.
        num_rows: Examples.
        modality: `"image"` or `"audio"`.
        tasks: Counts of each task.
        bad_cells: Cells that no policy knows.
        bad_segments: Cells that are no times of a segment.
        missing_files: Files that aren't there.
        unreadable_files: Files that are there, but truncated, damaged, of another kind, or
            shorter than their segment.
        equal_rows: Rows with the same cells throughout.
        equal_paths: Rows with the same file.
        equal_files: Rows with other files of the same bytes.
        contradictions: Task and rows where equal files have different known labels.
        across_groups: Rows of equal files in different groups.
        divided_recordings: Rows of each recording whose examples lie in different groups.
        groups: Counts of groups, or None where the table has none.
        pictures: What the pictures are, or None.
        sounds: What the sounds are, or None.
    """

    source: str
    num_rows: int
    modality: str
    tasks: tuple[TaskCounts, ...]
    bad_cells: tuple[BadCell, ...]
    bad_segments: tuple[BadCell, ...]
    missing_files: tuple[BadFile, ...]
    unreadable_files: tuple[BadFile, ...]
    equal_rows: tuple[Rows, ...]
    equal_paths: tuple[Rows, ...]
    equal_files: tuple[Rows, ...]
    contradictions: tuple[tuple[str, Rows], ...]
    across_groups: tuple[Rows, ...]
    divided_recordings: tuple[Rows, ...]
    groups: GroupCounts | None
    pictures: PictureCounts | None
    sounds: SoundCounts | None

    @property
    def is_usable(self) -> bool:
        """Whether training would accept the table."""
        return not (
            self.bad_cells or self.bad_segments or self.missing_files or self.unreadable_files
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns all of it in plain values, for JSON."""
        return {"usable": self.is_usable, **asdict(self)}


def check_table(
    table: Examples,
    *,
    group_column: str | None = None,
    listener: Listener | None = None,
    num_threads: int | None = None,
    progress: Progress = SILENT,
) -> TableReport:
    """Reads every cell and every file of a table.

    Args:
        table: Examples from `read_table`, which keeps invalid cells.
        group_column: Column of the groups, to find blank ones.
        listener: What the backbone hears of a sound, to find those that are too short or too long.
        num_threads: Threads that decode; None takes one for each processor at hand.
        progress: Told how many files are read.

    Example:

    ```python
    report = check_table(read_table(config.data))
    ```
    """
    facts = _inspect(table, num_threads, progress)
    digests = [fact.digest for fact in facts]
    equal_paths = duplicates.equal_paths(table.paths, table.segments)
    equal_files = duplicates.equal_files(table.paths, digests, table.segments)
    missing, unreadable = _bad_files(table.paths, facts)
    return TableReport(
        source=table.source,
        num_rows=len(table),
        modality=table.modality,
        tasks=tuple(_count_task(table, column) for column in range(len(table.tasks))),
        bad_cells=_bad_cells(table),
        bad_segments=_bad_segments(table),
        missing_files=missing,
        unreadable_files=unreadable,
        equal_rows=_from_one(duplicates.equal_rows(table.frame)),
        equal_paths=_from_one(equal_paths),
        equal_files=_from_one(equal_files),
        contradictions=tuple(
            (task, _from_one([rows])[0])
            for task, rows in duplicates.contradictions(table, (*equal_paths, *equal_files))
        ),
        across_groups=_from_one(
            duplicates.across_groups(table.groups, (*equal_paths, *equal_files))
        ),
        divided_recordings=_from_one(
            duplicates.divided_recordings(table.paths, table.groups, table.segments)
        ),
        groups=_count_groups(table, group_column),
        pictures=_count_pictures(facts),
        sounds=count_sounds(table, [fact.sound for fact in facts], listener),
    )


def _inspect(table: Examples, num_threads: int | None, progress: Progress) -> list[FileFacts]:
    progress.step(
        "Looking into files", len(set(table.paths)) if table.segments is None else len(table)
    )
    return inspect_files(
        table.paths,
        table.modality,
        segments=table.segments,
        num_threads=num_threads,
        on_progress=lambda done, total: progress.advance(done),
    )


def _from_one(several: Sequence[Rows]) -> tuple[Rows, ...]:
    return tuple(tuple(row + 1 for row in rows) for rows in several)


def _count_task(table: Examples, column: int) -> TaskCounts:
    task = table.tasks[column]
    labels = table.labels[:, column]
    positive, negative = int((labels == 1).sum()), int((labels == 0).sum())
    uncertain = int(table.uncertain[:, column].sum())
    out_of_range = len(table.invalid_cells[task])
    return TaskCounts(
        task=task,
        known=positive + negative,
        positive=positive,
        negative=negative,
        unknown=len(labels) - positive - negative - uncertain - out_of_range,
        uncertain=uncertain,
        out_of_range=out_of_range,
    )


def _bad_cells(table: Examples) -> tuple[BadCell, ...]:
    return tuple(
        BadCell(row=row + 1, column=task, cell=cell)
        for task in table.tasks
        for row, cell in table.invalid_cells[task]
    )


def _bad_segments(table: Examples) -> tuple[BadCell, ...]:
    found = () if table.segments is None else table.segments.out_of_range
    return tuple(BadCell(row=row + 1, column=column, cell=cell) for row, column, cell in found)


def _bad_files(
    paths: Sequence[Path], facts: Sequence[FileFacts]
) -> tuple[tuple[BadFile, ...], tuple[BadFile, ...]]:
    missing: list[BadFile] = []
    unreadable: list[BadFile] = []
    for index, (path, fact) in enumerate(zip(paths, facts, strict=True)):
        if fact.error is not None:
            bad = BadFile(row=index + 1, path=str(path), reason=_reason(fact.error))
            (unreadable if path.exists() else missing).append(bad)
    return tuple(missing), tuple(unreadable)


def _reason(error: MediaError) -> str:
    received = error.parts["received"]
    return error.what.rstrip(".") + (f": {received}" if received else "")


def _count_groups(table: Examples, column: str | None) -> GroupCounts | None:
    if table.groups is None or table.grouped_by_recording:
        return None
    sizes = sorted(Counter(table.groups).values())
    cells = [] if column is None else table.frame[column].fillna("").tolist()
    return GroupCounts(
        count=len(sizes),
        smallest=sizes[0],
        median=float(np.median(sizes)),
        largest=sizes[-1],
        rows_without_group=sum(not str(cell).strip() for cell in cells),
    )


def _count_pictures(facts: Sequence[FileFacts]) -> PictureCounts | None:
    read = [fact for fact in facts if fact.format is not None]
    if not read:
        return None
    sizes = sorted(
        ((f.width or 0, f.height or 0) for f in read), key=lambda size: size[0] * size[1]
    )
    return PictureCounts(
        formats=dict(Counter(f"{fact.format} {fact.mode}" for fact in read).most_common()),
        smallest=sizes[0],
        median=sizes[len(sizes) // 2],
        largest=sizes[-1],
        num_dark=sum(_is_dark(fact) for fact in read),
    )


def _is_dark(fact: FileFacts) -> bool:
    return fact.peak is not None and 0 < fact.peak < _DARK_PEAK
