"""The examples to predict, in files, folders, tables, and what is in memory."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from kerastl.data.tables.loading import FRAME
from kerastl.data.tables.table_file import file_of, plain_frame, read_frame
from kerastl.errors import RunError, TableError
from kerastl.files import in_utf8
from kerastl.media.addresses import is_url, media_file
from kerastl.media.cuts import cell_text, cut_of, read_cuts, refuse_bad_cuts
from kerastl.run.bundle import Bundle
from kerastl_runtime.decoder import WHOLE, Cut
from kerastl_runtime.media_file import FileInMemory, MediaFile

TABLES = (".csv", ".parquet", ".pq")


@dataclass(frozen=True)
class InputFile:
    """One example to predict."""

    file: MediaFile
    name: str  # as the user wrote it
    cut: Cut = WHOLE


def find_files(bundle: Bundle, inputs: Any) -> list[InputFile]:
    """Returns the examples in files, folders, tables and values; see `kerastl.runs.Run.predict`.

    Raises:
        RunError: There are no examples, or something is no example of the run's media type.
        TableError: A table lacks the column with the files.
    """
    given = list(inputs) if isinstance(inputs, list | tuple | Iterator) else [inputs]
    names = [f"inputs[{place}]" for place in range(len(given))]
    if given and given[0] is inputs:
        names = ["inputs"]
    found = [
        file
        for item, name in zip(given, names, strict=True)
        for file in _examples(item, name, bundle)
    ]
    if not found:
        raise RunError(
            "There is nothing to predict.",
            where=", ".join(str(item) for item in given if isinstance(item, str | Path)) or None,
            expected=f"files, folders or a table of {bundle.media.nouns}",
        )
    return found


def _examples(item: Any, name: str, bundle: Bundle) -> list[InputFile]:
    if isinstance(item, pd.DataFrame):
        return _in_frame(plain_frame(item, FRAME), FRAME, bundle, name=f"{name}, row ")
    if not isinstance(item, str | Path):
        return [InputFile(_in_memory(item, name, bundle), name)]
    if is_url(str(item)):
        return [InputFile(media_file(str(item)), str(item))]
    path = Path(item)
    if path.is_dir():
        every = sorted(path.rglob("*"))
        inside = [file for file in every if file.is_file() and bundle.media.matches(file)]
        return [InputFile(media_file(str(file)), in_utf8(str(file))) for file in inside]
    if path.suffix.lower() in TABLES:
        return _in_frame(read_frame(path), path, bundle, name=f"{path}, row ")
    return [InputFile(media_file(str(item)), in_utf8(str(item)))]


def _in_frame(frame: pd.DataFrame, table: Path, bundle: Bundle, *, name: str) -> list[InputFile]:
    """Returns the examples in a table; a DataFrame may have values in the place of paths."""
    column = bundle.data.column
    if column not in frame.columns:
        raise TableError(
            f"The table lacks the column '{column}'.",
            where=str(table),
            expected=f"the column with the files, named as in the run's config: {column}",
            received=", ".join(str(name) for name in frame.columns[:12]),
        )
    cuts = read_cuts(frame, bundle.media, tasks=bundle.task_names)
    refuse_bad_cuts(cuts, bundle.media, source=table.name)
    examples = []
    for row, cell in enumerate(frame[column]):
        if isinstance(cell, Mapping) and "bytes" in cell:  # as `datasets` has images and audio
            cell = cell.get("path") if cell["bytes"] is None else cell["bytes"]
        is_blank = pd.api.types.is_scalar(cell) and pd.isna(cell)
        if is_blank or isinstance(cell, str | Path):
            shown = cell_text(cell)
            where = f"{table.name}: column {column}"
            file = file_of(shown, table.parent, where=where, row=row + 1)
        else:
            shown = f"{name}{row + 1}"
            file = _in_memory(cell, shown, bundle)
        examples.append(InputFile(file, shown, cut_of(cuts, row)))
    return examples


def _in_memory(value: Any, name: str, bundle: Bundle) -> MediaFile:
    """Returns the bytes of a file, or a value such as an array, as a file in memory."""
    is_bytes = isinstance(value, bytes | bytearray | memoryview)
    data = bytes(value) if is_bytes else bundle.media.encoded(value, bundle.input)
    if data is None:
        shape, kind = getattr(value, "shape", None), getattr(value, "dtype", None)
        raise RunError(
            f"Something to predict is no {bundle.media.noun}.",
            where=name,
            expected=", ".join(
                filter(None, ("a path, a table, the bytes of a file", bundle.media.values))
            ),
            received=type(value).__name__ + (f" of {kind}, shape {tuple(shape)}" if shape else ""),
        )
    return FileInMemory(name, data)
