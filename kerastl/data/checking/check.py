"""The check of a table before training: what it contains, and what training would refuse.

Convention: training refuses a problem; it accepts a warning, which the user should know about. Rows
count from 1, the header not included.
"""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from kerastl.data.checking.unused_columns import unused_columns
from kerastl.data.tables import duplicates
from kerastl.data.tables.duplicates import Rows
from kerastl.data.tables.examples import Examples
from kerastl.errors import MediaError
from kerastl.media.backbone_input import BackboneInput
from kerastl.media.base import MediaSummary
from kerastl.media.cuts import each_cut
from kerastl.media.media_types import MEDIA_TYPES, media_type
from kerastl.progress import SILENT, Progress
from kerastl.settings import Section
from kerastl.threads import processor_slots
from kerastl_runtime.decoder import Cut
from kerastl_runtime.file_errors import not_opened
from kerastl_runtime.media_file import MediaFile, ask_each, num_readers
from kerastl_runtime.threads import num_processors

_NUM_EXAMPLES_AT_A_TIME = 1024


@dataclass(frozen=True, kw_only=True)
class TaskCounts:
    """Numbers of cells of one task by meaning; `known` is `positive` and `negative` together."""

    task: str
    known: int
    positive: int
    negative: int
    unknown: int
    uncertain: int
    out_of_range: int


@dataclass(frozen=True, kw_only=True)
class BadCell:
    """A cell that no policy knows, or that makes no valid cut."""

    row: int
    column: str
    cell: str
    reason: str = "is not a label"


@dataclass(frozen=True, kw_only=True)
class BadFile:
    """A missing or unreadable file, and the reason."""

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
class TableReport:
    """The result of `check_table`."""

    source: str
    num_rows: int
    modality: str
    tasks: tuple[TaskCounts, ...]
    bad_cells: tuple[BadCell, ...]
    bad_cuts: tuple[BadCell, ...]  # cells that make no valid cut
    missing_files: tuple[BadFile, ...]
    unreadable_files: tuple[BadFile, ...]  # damaged, of another format, or smaller than a cut
    num_not_read: int  # files on servers, if others are missing
    equal_rows: tuple[Rows, ...]  # in all cells
    equal_paths: tuple[Rows, ...]
    equal_files: tuple[Rows, ...]  # different files of the same bytes
    contradictions: tuple[tuple[str, Rows], ...]  # equal files with different known labels
    across_groups: tuple[Rows, ...]  # equal files in different groups
    divided_files: tuple[Rows, ...]  # files with examples in different groups
    groups: GroupCounts | None  # None if the table has no groups
    unused: tuple[str, ...]  # columns
    summary: MediaSummary | None  # of the media type about the readable files, if there are any

    @property
    def is_usable(self) -> bool:
        """Whether training would accept the table."""
        return not (self.bad_cells or self.bad_cuts or self.missing_files or self.unreadable_files)

    def to_dict(self) -> dict[str, Any]:
        """Returns the whole report as plain values, for JSON."""
        values = asdict(self)
        summary = values.pop("summary")
        for media in MEDIA_TYPES.values():
            own = summary if media.name == self.modality else None
            values |= dict.fromkeys(media.report_keys, own)
        old_keys = {
            "bad_segments": values["bad_cuts"],
            "divided_recordings": values["divided_files"],
        }
        return {"usable": self.is_usable, **values, **old_keys}


def check_table(
    table: Examples,
    *,
    group_column: str | None = None,
    used: Sequence[str] | None = None,
    taken: BackboneInput | None = None,
    settings: Section | None = None,
    progress: Progress = SILENT,
) -> TableReport:
    """Reads every cell and every file of a table from `read_table`, which keeps invalid cells.

    Args:
        group_column: Column of the groups, to find blank ones.
        used: Columns that the config uses; None if there is no config.
        taken: Input of the backbone, to find examples that do not fit it; None if it is unknown.
        settings: Settings of the media type in the config; None is the default.
    """
    media = media_type(table.modality)
    facts = inspect_files(table, progress)
    same_path = duplicates.equal_paths(table.files, table.cuts)
    same_bytes = duplicates.equal_files(table.files, [fact.digest for fact in facts], table.cuts)
    equal = (*same_path, *same_bytes)
    contradictions = duplicates.contradictions(table, equal)
    cut_files = () if table.cuts is None else duplicates.same(table.files)
    bad_cuts = () if table.cuts is None else table.cuts.bad_cells
    contents = [fact.content for fact in facts]
    return TableReport(
        source=table.source,
        num_rows=len(table),
        modality=table.modality,
        tasks=tuple(_count_task(table, column) for column in range(len(table.tasks))),
        bad_cells=tuple(
            BadCell(row=row + 1, column=task, cell=cell)
            for task in table.tasks
            for row, cell in table.invalid_cells[task]
        ),
        bad_cuts=tuple(BadCell(**{**asdict(bad), "row": bad.row + 1}) for bad in bad_cuts),
        missing_files=_bad_files(table.files, facts, are_missing=True),
        unreadable_files=_bad_files(table.files, facts, are_missing=False),
        num_not_read=sum(fact.is_unknown for fact in facts),
        equal_rows=_from_one(duplicates.equal_rows(table.frame)),
        equal_paths=_from_one(same_path),
        equal_files=_from_one(same_bytes),
        contradictions=tuple((task, _from_one([rows])[0]) for task, rows in contradictions),
        across_groups=_from_one(duplicates.across_groups(table.groups, equal)),
        divided_files=_from_one(duplicates.across_groups(table.groups, cut_files)),
        groups=_count_groups(table, group_column),
        unused=() if used is None else tuple(unused_columns(table.frame, used)),
        summary=None
        if all(content is None for content in contents)
        else media.summarize(
            table.files,
            contents,
            has_cuts=table.cuts is not None,
            taken=taken,
            settings=settings or media.data_settings(),
        ),
    )


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    """Facts about the file of one example."""

    digest: str | None = None  # SHA-256 of its bytes in hexadecimal, or None if it cannot be opened
    error: MediaError | None = None  # why it is unreadable
    content: Any = None  # what the media type's `inspect` returned, or None if it is unreadable
    is_missing: bool = False

    @property
    def is_unknown(self) -> bool:
        """Whether the file was not read."""
        return self.error is None and self.content is None


def inspect_files(table: Examples, progress: Progress) -> list[FileFacts]:
    """Reads, decodes and hashes every file once, and every cut once.

    If files are missing, nothing is downloaded.
    """
    media = media_type(table.modality)
    digests: dict[MediaFile, str] = {}
    is_there = dict(zip(table.files, ask_each(table.files, _may_exist), strict=True))
    is_complete = all(is_there.values())
    decoding = processor_slots()  # more threads wait for servers

    def inspect(example: tuple[MediaFile, Cut]) -> FileFacts:
        file, cut = example
        if file.is_remote and is_there[file] and not is_complete:
            return FileFacts()
        try:
            held = file.held()
            if file not in digests:
                digests[file] = held.sha256().hex()
        except OSError as error:
            is_missing = not is_there[file]
            return FileFacts(error=not_opened(media.noun, file, error), is_missing=is_missing)
        try:
            with decoding:
                return FileFacts(digest=digests[file], content=media.inspect(held, cut))
        except MediaError as error:
            return FileFacts(digest=digests[file], error=error)

    examples = list(zip(table.files, each_cut(table.cuts, len(table)), strict=True))
    distinct = list(dict.fromkeys(examples))
    progress.step("Inspecting files", len(distinct))
    found: dict[tuple[MediaFile, Cut], FileFacts] = {}
    with ThreadPoolExecutor(num_readers(table.files) or num_processors()) as pool:
        for start in range(0, len(distinct), _NUM_EXAMPLES_AT_A_TIME):
            some = distinct[start : start + _NUM_EXAMPLES_AT_A_TIME]
            found.update(zip(some, pool.map(inspect, some), strict=True))
            progress.advance(len(found))
    return [found[example] for example in examples]


def _may_exist(file: MediaFile) -> bool:
    try:
        return file.exists()
    except OSError:  # reading it says why
        return True


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


def _bad_files(
    files: Sequence[MediaFile], facts: Sequence[FileFacts], *, are_missing: bool
) -> tuple[BadFile, ...]:
    return tuple(
        BadFile(row=row + 1, path=str(file), reason=_reason(fact.error))
        for row, (file, fact) in enumerate(zip(files, facts, strict=True))
        if fact.error is not None and fact.is_missing == are_missing
    )


def _reason(error: MediaError) -> str:
    received = error.parts["received"]
    return error.what.rstrip(".") + (f": {received}" if received else "")


def _count_groups(table: Examples, column: str | None) -> GroupCounts | None:
    if table.groups is None or table.grouped_by_file:
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
