"""The report of `kerastl data` on a table as text: counts, problems and warnings."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from kerastl.cli.columns import show_columns
from kerastl.errors import counted
from kerastl.media.media_types import media_type

if TYPE_CHECKING:
    from kerastl.data.checking.check import BadCell, BadFile, TableReport
    from kerastl.data.checking.unused_columns import LikelyGroup

_NUM_SHOWN = 10


def show_report(report: "TableReport", warnings: Sequence[str]) -> None:
    """Prints the content of a table and the warnings about it."""
    inputs = media_type(report.modality).collective
    rows, tasks = counted(report.num_rows, "row"), counted(len(report.tasks), "task")
    click.echo(f"{report.source}: {rows} with {inputs}, {tasks}\n")
    fields = ("task", "known", "positive", "negative", "unknown", "uncertain")
    show_columns(fields, [[getattr(task, field) for field in fields] for task in report.tasks])
    for line in (*_facts(report), *(["Warnings:"] if warnings else [])):
        click.echo(line)
    for warning in warnings:
        click.echo(f"  - {warning}")


def _facts(report: "TableReport") -> Iterator[str]:
    if report.summary is not None:
        yield from report.summary.lines()
    if (groups := report.groups) is not None:
        yield (
            f"Groups:   {groups.count:,} of {groups.smallest:,} to {groups.largest:,} rows, "
            f"median {groups.median:g}"
        )
    if report.unused:
        more = f" and {len(report.unused) - _NUM_SHOWN:,} more" * (len(report.unused) > _NUM_SHOWN)
        yield f"Unused:   {counted(len(report.unused), 'column')}: " + (
            ", ".join(report.unused[:_NUM_SHOWN]) + more
        )


def problems_of(report: "TableReport") -> list[str]:
    """Returns a line for each problem that training refuses; long lists are shortened."""
    return [
        *_cut(_cell_lines(report.bad_cells), "cells that are not labels"),
        *_cut(_cell_lines(report.bad_cuts), "cells that make no valid cut"),
        *_cut(_file_lines(report.missing_files), "missing files"),
        *_cut(_file_lines(report.unreadable_files), "unreadable files"),
    ]


def _cell_lines(cells: Sequence["BadCell"]) -> list[str]:
    return [f"row {bad.row}, column {bad.column}: '{bad.cell}' {bad.reason}" for bad in cells]


def _file_lines(files: Sequence["BadFile"]) -> list[str]:
    return [f"row {bad.row}, {bad.path}: {bad.reason[0].lower()}{bad.reason[1:]}" for bad in files]


def _cut(lines: Sequence[str], what: str) -> list[str]:
    more = [f"and {len(lines) - _NUM_SHOWN:,} more {what}; --json lists all of them"]
    return [*lines[:_NUM_SHOWN], *(more if len(lines) > _NUM_SHOWN else [])]


def warnings_of(report: "TableReport") -> list[str]:
    """Returns a sentence for each finding that training accepts."""
    unread = counted(report.num_not_read, "other file")
    return [
        *([f"{unread} were not read, because files are missing."] if report.num_not_read else []),
        *_label_warnings(report),
        *_duplicate_warnings(report),
        *_group_warnings(report),
        *(report.summary.warnings() if report.summary is not None else ()),
    ]


def _label_warnings(report: "TableReport") -> Iterator[str]:
    for task in report.tasks:
        if task.positive == 0:
            yield f"{task.task}: no label is known to be positive, so nothing can be learned."
        elif task.negative == 0 and task.unknown == 0:
            yield f"{task.task}: no label is known to be negative, so nothing can be learned."
        elif task.negative == 0:
            yield (
                f"{task.task}: only positives are recorded, so every probability will be near 1, "
                "unless an unknown label counts as a weak no in training: "
                f"data.labels.{task.task}.when_unknown: {{weak_negative: 0.1}}. Scores, "
                "calibration and thresholds need some labels that are known to be negative."
            )


def _duplicate_warnings(report: "TableReport") -> Iterator[str]:
    leak = "several groups and may fall into several splits"
    for found, noun, sentence in (
        (report.equal_rows, "row", "in the table more than once"),
        (report.equal_paths, "file", "in several rows"),
        (report.equal_files, "file", "stored under several names"),
        (report.across_groups, "file", f"in {leak}"),
        (report.divided_files, "file", f"cut into examples in {leak}"),
    ):
        if found:
            yield f"{_are(len(found), noun)} {sentence}: {_rows(found)}."
    if report.contradictions:
        listed = "; ".join(
            f"{task} in rows {_few(rows)}" for task, rows in report.contradictions[:3]
        )
        times = counted(len(report.contradictions), "time")
        yield f"Rows of the same file have different labels {times}: {listed}."


def _group_warnings(report: "TableReport") -> Iterator[str]:
    if report.groups is not None and report.groups.rows_without_group:
        rows = _are(report.groups.rows_without_group, "row")
        yield f"{rows} without a group; each is a group of its own."


def group_warning(group: "LikelyGroup") -> str:
    """Returns a sentence about a column that is probably a group and that the splits divide."""
    predicts = (
        f", whose labels alone predict theirs with a mean AUC of {group.auc:.2f} (0.5 is chance)"
        if group.auc is not None
        else ""
    )
    return (
        f"{group.column}: the column may say which rows belong together. {group.divided:,} of "
        f"{group.held_out:,} rows of validation and test have a {group.column} with training rows"
        f"{predicts}. Scores are flattered if that helps a model: set data.group: {group.column}."
    )


def _are(count: int, noun: str) -> str:
    return f"{counted(count, noun)} {'is' if count == 1 else 'are'}"


def _rows(found: Sequence[tuple[int, ...]]) -> str:
    listed = "; ".join(f"rows {_few(rows)}" for rows in found[:3])
    return listed + (f"; and {len(found) - 3:,} more" if len(found) > 3 else "")


def _few(rows: tuple[int, ...]) -> str:
    return ", ".join(map(str, rows[:4])) + (", ..." if len(rows) > 4 else "")
