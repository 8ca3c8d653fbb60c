"""Reading the table of examples: one row per example, its file, its labels and its group."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from kerastl.config import ColumnSplit, DataConfig, LabelPolicy
from kerastl.data.tables.examples import Examples
from kerastl.data.tables.labels import decode_labels, refuse_invalid_cells
from kerastl.data.tables.merging import Origins, merge_examples
from kerastl.data.tables.table_file import (
    files_of,
    listed_columns,
    plain_frame,
    read_frame,
    require_columns,
)
from kerastl.errors import TableError, counted, suggestion
from kerastl.media.cuts import cell_text, files_as_groups, read_cuts, refuse_bad_cuts
from kerastl.media.media_types import media_type
from kerastl_runtime.media_file import MediaFile

_Frame = tuple[pd.DataFrame, list[MediaFile]]  # one row per example, and its file

FRAME = Path("DataFrame")
"""Stands for the path of a table in memory: its files are relative to the current folder."""


def load_frame(frame: pd.DataFrame, data: DataConfig) -> Examples:
    """Reads a table in memory as `load_table` reads a file."""
    frame = plain_frame(frame, FRAME)
    require_columns(frame, [*data.example_columns, *data.tasks], FRAME)
    checked = frame, _files(frame, FRAME, data)
    examples = _stack([FRAME], [checked], data)
    refuse_bad_cells(examples)
    return examples


def load_table(data: DataConfig) -> Examples:
    """Reads the table or tables that a config names.

    A task whose column is missing from one of several tables is unknown there. A file that several
    tables name is one example with the labels of all of them. Files are relative to the folder of
    the table that names them.
    """
    tables, frames = _read_frames(data)
    examples = _stack(tables, frames, data)
    if len(tables) == 1:
        refuse_bad_cells(examples)
        return examples
    for table, (frame, files) in zip(tables, frames, strict=True):
        refuse_bad_cells(build_examples(frame, files, data, source=table.name))
    columns = (data.group, data.split.column if isinstance(data.split, ColumnSplit) else None)
    return merge_examples(
        examples,
        Origins(tables, [len(frame) for frame, _ in frames]),
        [name for name in columns if name is not None],
    )


def read_table(data: DataConfig) -> Examples:
    """Reads the table or tables for `check_table`: invalid cells stay, and no rows are merged."""
    return _stack(*_read_frames(data), data)


def build_examples(
    frame: pd.DataFrame,
    files: Sequence[MediaFile],
    data: DataConfig,
    *,
    source: str,
    sizes: Sequence[int] = (),
) -> Examples:
    """Builds examples from a frame with the columns that a config names; cells may be invalid.

    `source` names the table in messages; `sizes` are the numbers of rows of several tables.
    """
    blank = [""] * len(frame)
    weights = {task: policy.unknown_weight for task, policy in data.labels.items()}
    decoded = {
        task: decode_labels(
            frame[task].tolist() if task in frame.columns else blank,
            data.labels.get(task, LabelPolicy()),
        )
        for task in data.tasks
    }
    cuts = read_cuts(frame, data.media, tasks=data.tasks, sizes=sizes)
    are_files = cuts is not None and data.group is None
    file_groups = files_as_groups(files) if are_files else None
    columns = decoded.values()
    return Examples(
        frame=frame,
        files=tuple(files),
        tasks=tuple(data.tasks),
        labels=np.stack([column.labels for column in columns], axis=1),
        training_labels=np.stack([column.training_labels for column in columns], axis=1),
        uncertain=np.stack([column.uncertain for column in columns], axis=1),
        unknown_weight={task: weight for task, weight in weights.items() if weight},
        groups=_groups(frame, data.group) if file_groups is None else file_groups,
        modality=data.modality,
        source=source,
        cuts=cuts,
        grouped_by_file=file_groups is not None,
        invalid_cells={task: column.invalid_cells for task, column in decoded.items()},
    )


def refuse_bad_cells(examples: Examples) -> None:
    """Raises a `LabelError` or `TableError` for cells that are not labels or make no valid cut."""
    for task, cells in examples.invalid_cells.items():
        refuse_invalid_cells(task, cells, source=examples.source)
    refuse_bad_cuts(examples.cuts, media_type(examples.modality), source=examples.source)


def _read_frames(data: DataConfig) -> tuple[Sequence[Path], list[_Frame]]:
    tables, columns = data.tables, data.example_columns
    tasks = data.tasks if len(tables) == 1 else ()  # one of several may lack a task
    frames = [read_frame(path, [*columns, *tasks]) for path in tables]
    _require_tasks(frames, data.tasks, tables)
    files = [_files(frame, path, data) for frame, path in zip(frames, tables, strict=True)]
    return tables, list(zip(frames, files, strict=True))


def _stack(tables: Sequence[Path], frames: Sequence[_Frame], data: DataConfig) -> Examples:
    return build_examples(
        frames[0][0]
        if len(frames) == 1
        else pd.concat([frame for frame, _ in frames], ignore_index=True),
        [file for _, files in frames for file in files],
        data,
        source=" and ".join(path.name for path in tables),
        sizes=[len(frame) for frame, _ in frames],
    )


def _files(frame: pd.DataFrame, path: Path, data: DataConfig) -> list[MediaFile]:
    """Returns the file of each row; paths are relative to the folder of the table."""
    column = data.file_column
    addresses = [cell_text(cell) for cell in frame[column]]
    blank = [row for row, address in enumerate(addresses) if not address or "\0" in address]
    if blank:
        raise TableError(
            f"{counted(len(blank), 'row')} {'names' if len(blank) == 1 else 'name'} no file.",
            where=f"{path.name}: column {column}, first in row {blank[0] + 1}",
            expected="the file of the example",
            fix="Fill the cells or remove the rows.",
        )
    return files_of(addresses, path.parent, where=f"{path.name}: column {column}")


def _require_tasks(
    frames: Sequence[pd.DataFrame], tasks: Sequence[str], tables: Sequence[Path]
) -> None:
    columns = list(dict.fromkeys(str(name) for frame in frames for name in frame.columns))
    missing = [task for task in tasks if task not in columns]
    if missing:
        raise TableError(
            f"No table has the column '{missing[0]}'.",
            where=", ".join(map(str, tables)),
            expected="each task in at least one of the tables",
            received=listed_columns(columns),
            fix=suggestion(missing[0], columns),
        )


def _groups(frame: pd.DataFrame, column: str | None) -> np.ndarray | None:
    if column is None:
        return None
    groups = [cell_text(cell) or f"row {row}" for row, cell in enumerate(frame[column])]
    return np.array(groups, dtype=object)
