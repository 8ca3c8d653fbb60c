"""The table of examples: one row per example, its file, its labels and its group."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kerastl.config import ColumnSplit, DataConfig, LabelPolicy
from kerastl.data.tables.labels import TaskLabels, decode_labels, refuse_out_of_range
from kerastl.data.tables.merging import Origins, merge_examples
from kerastl.errors import TableError, suggestion
from kerastl.media.segments import (
    Segments,
    read_segments,
    recordings_as_groups,
    refuse_bad_segments,
)


@dataclass(frozen=True, kw_only=True)
class Table:
    """Examples in the order of their file.

    Args:
        frame: The table as read, one row per example.
        paths: Absolute path of each example's file.
        labels: `(examples, tasks)` float32: 1, 0 or NaN for unknown; uncertain is unknown.
        training_labels: The same as the loss sees it, uncertain cells as their policy says.
        tasks: Names of the columns of `labels`.
        groups: Group of each example as text, or None; a blank group is a group of its own. Where
            recordings are cut into examples and no column says otherwise, the recording.
        modality: `"image"` or `"audio"`.
        source: The file or files that it was read from, for messages.
        decoded: What the cells of each task meant.
        segments: The part of its file that each example is, or None: the whole.
        grouped_by_recording: Whether `groups` are the recordings.
    """

    frame: pd.DataFrame
    paths: tuple[Path, ...]
    labels: np.ndarray
    training_labels: np.ndarray
    tasks: tuple[str, ...]
    groups: np.ndarray | None
    modality: str
    source: str
    decoded: dict[str, TaskLabels]
    segments: Segments | None = None
    grouped_by_recording: bool = False

    def __len__(self) -> int:
        return len(self.paths)


def load_table(data: DataConfig, *, refuse: bool = True) -> Table:
    """Reads the table or tables that a config names.

    A task whose column is absent from one of several tables is unknown there, and a file that
    several tables name is one example with the labels of all of them. Files are relative to the
    folder of the table that names them.

    Args:
        data: The `data` part of a config.
        refuse: Raise on cells that are no labels, and merge; False leaves rows and cells as they
            are, for `check_table`.

    Raises:
        TableError: A table is missing, unreadable, empty or lacks a column.
        LabelError: A cell is no label, or two tables contradict each other.
    """
    frames = [_read_checked(path, data) for path in data.tables]
    if len(frames) == 1:
        ((frame, paths),) = frames
        return build_table(frame, paths, data, source=data.tables[0].name, refuse=refuse)
    _require_tasks([frame for frame, _ in frames], data)
    if refuse:
        for (frame, paths), path in zip(frames, data.tables, strict=True):
            build_table(frame, paths, data, source=path.name)
    table = build_table(
        pd.concat([frame for frame, _ in frames], ignore_index=True),
        [path for _, paths in frames for path in paths],
        data,
        source=" and ".join(path.name for path in data.tables),
        refuse=False,
    )
    return _merged(table, [len(frame) for frame, _ in frames], data) if refuse else table


def build_table(
    frame: pd.DataFrame,
    paths: Sequence[Path],
    data: DataConfig,
    *,
    source: str,
    refuse: bool = True,
) -> Table:
    """Builds a table from a frame whose columns a config names."""
    decoded = {
        task: decode_labels(_cells(frame, task), data.labels.get(task, LabelPolicy()))
        for task in data.tasks
    }
    if refuse:
        for task, labels in decoded.items():
            refuse_out_of_range(task, labels, source=source)
    segments = read_segments(frame) if data.modality == "audio" else None
    if refuse:
        refuse_bad_segments(segments, source=source)
    recordings = recordings_as_groups(paths, segments) if data.group is None else None
    return Table(
        frame=frame,
        paths=tuple(paths),
        labels=_columns([labels.labels for labels in decoded.values()], len(frame)),
        training_labels=_columns(
            [labels.training_labels for labels in decoded.values()], len(frame)
        ),
        tasks=tuple(data.tasks),
        groups=_groups(frame, data.group) if recordings is None else recordings,
        modality=data.modality,
        source=source,
        decoded=decoded,
        segments=segments,
        grouped_by_recording=recordings is not None,
    )


def read_frame(path: Path) -> pd.DataFrame:
    """Reads a CSV or Parquet file; the cells of a CSV file stay text.

    Raises:
        TableError: The file is missing, unreadable or empty.
    """
    if not path.is_file():
        nearby = sorted(p.name for p in path.parent.glob("*.csv")) if path.parent.is_dir() else []
        raise TableError(
            f"There is no table '{path.name}'.",
            where=str(path),
            expected="a CSV or Parquet file",
            fix=suggestion(path.name, nearby) or "Check data.table; it is relative to the config.",
        )
    try:
        frame = (
            pd.read_parquet(path)
            if path.suffix.lower() in {".parquet", ".pq"}
            else pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        )
    except (OSError, ValueError) as error:
        raise TableError(
            f"The table '{path.name}' can't be read.",
            where=str(path),
            expected="a CSV file in UTF-8 with a header, or a Parquet file",
            received=str(error).splitlines()[0],
        ) from error
    if frame.empty:
        raise TableError(
            f"The table '{path.name}' has no rows.", where=str(path), expected="one row per example"
        )
    return frame


def missing_files(table: Table) -> list[int]:
    """Returns the index of every example whose file isn't there."""
    return [index for index, path in enumerate(table.paths) if not path.is_file()]


def refuse_missing_files(table: Table) -> None:
    """Raises a `TableError` that names the first missing files."""
    missing = missing_files(table)
    if not missing:
        return
    shown = "\n".join(f"row {index + 1}: {table.paths[index]}" for index in missing[:3])
    more = f"\nand {len(missing) - 3} more" if len(missing) > 3 else ""
    raise TableError(
        f"{len(missing)} of {len(table)} files of the table are missing.",
        where=table.source,
        expected="files relative to the folder of the table",
        received=shown + more,
        fix="Correct the paths or remove the rows; `kerastl data check` lists all of them.",
    )


def _read_checked(path: Path, data: DataConfig) -> tuple[pd.DataFrame, list[Path]]:
    frame = read_frame(path)
    required = [data.file_column]
    if data.group is not None:
        required.append(data.group)
    if len(data.tables) == 1:
        required.extend(data.tasks)
    _require_columns(frame, required, path)
    cells = frame[data.file_column]
    blank = [row for row, cell in enumerate(cells) if pd.isna(cell) or not str(cell).strip()]
    if blank:
        raise TableError(
            f"{len(blank)} rows name no file.",
            where=f"{path.name}: column {data.file_column}, first in row {blank[0] + 1}",
            expected="the file of the example",
            fix="Fill the cells or remove the rows.",
        )
    return frame, [path.parent / str(cell).strip() for cell in cells]


def _merged(table: Table, sizes: Sequence[int], data: DataConfig) -> Table:
    columns = (data.group, data.split.column if isinstance(data.split, ColumnSplit) else None)
    same = [name for name in columns if name is not None]
    return merge_examples(table, Origins.of(data.tables, sizes), same)


def _require_tasks(frames: Sequence[pd.DataFrame], data: DataConfig) -> None:
    columns = list(dict.fromkeys(str(name) for frame in frames for name in frame.columns))
    missing = [task for task in data.tasks if task not in columns]
    if missing:
        raise TableError(
            f"No table has the column '{missing[0]}'.",
            where=", ".join(str(path) for path in data.tables),
            expected="each task in at least one of the tables",
            received=", ".join(columns[:12]) + (", ..." if len(columns) > 12 else ""),
            fix=suggestion(missing[0], columns),
        )


def _require_columns(frame: pd.DataFrame, names: Sequence[str], path: Path) -> None:
    missing = [name for name in names if name not in frame.columns]
    if not missing:
        return
    columns = [str(column) for column in frame.columns]
    shown = ", ".join(columns[:12]) + (", ..." if len(columns) > 12 else "")
    quoted = ", ".join(f"'{name}'" for name in missing)
    raise TableError(
        f"The table lacks the column {quoted}."
        if len(missing) == 1
        else f"The table lacks the columns {quoted}.",
        where=str(path),
        expected="the columns that the config names",
        received=shown,
        fix=suggestion(missing[0], columns),
    )


def _cells(frame: pd.DataFrame, task: str) -> Sequence[object] | pd.Series:
    return frame[task].tolist() if task in frame.columns else [""] * len(frame)


def _columns(columns: Sequence[np.ndarray], num_rows: int) -> np.ndarray:
    return np.stack(columns, axis=1) if columns else np.zeros((num_rows, 0), np.float32)


def _groups(frame: pd.DataFrame, column: str | None) -> np.ndarray | None:
    if column is None:
        return None
    return np.array(
        [
            f"row {row}" if pd.isna(cell) or not str(cell).strip() else str(cell).strip()
            for row, cell in enumerate(frame[column])
        ],
        dtype=object,
    )
