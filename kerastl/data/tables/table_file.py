"""Reading of CSV and Parquet files from any source.

Convention: a frame has one column per name and plain cells; in a CSV file every cell is text. Bytes
of images and audio files stay in their Parquet file: the cell of the frame is their address.
"""

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from kerastl.errors import MediaError, TableError, counted, suggestion
from kerastl.media.addresses import media_file
from kerastl.media.parquet_cell import cell_texts, holds_bytes, num_held_bytes
from kerastl_runtime.files import exists, refuse_more
from kerastl_runtime.media_file import MediaFile

PARQUET = (".parquet", ".pq")
MAX_BYTES = 2**32
MAX_COLUMNS = 20_000
MAX_CELLS = 200_000_000
_MAX_HEADER_BYTES = 2**22
_TEXT = re.compile("(large_)?string(_view)?")  # Arrow's types of text
_INDEX = "__index_level_"  # of a frame whose index had no name, as pandas stores it


def read_frame(path: Path, columns: Sequence[str] = ()) -> pd.DataFrame:
    """Reads a CSV or Parquet file that has these columns; the cells of a CSV file stay text."""
    if not os.path.isfile(path):  # noqa: PTH113  # Path.is_file fails if a name is too long
        raise _no_table(path)
    is_parquet = path.suffix.lower() in PARQUET
    try:
        frame = _read_parquet(path) if is_parquet else _read_csv(path)
    except Exception as error:  # Arrow and pandas raise nearly anything on damaged bytes
        raise TableError(
            f"The table '{path.name}' cannot be read.",
            where=str(path),
            expected="a CSV file in UTF-8 with a header, or a Parquet file",
            received=(str(error).strip() or type(error).__name__).splitlines()[0],
        ) from error
    frame = plain_frame(frame, path)
    require_columns(frame, columns, path)
    return frame


def plain_frame(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Returns a frame with text as names of columns, plain cells, and rows numbered from 0."""
    names = [str(name) for name in frame.columns]
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise TableError(
            f"The table has {counted(names.count(repeated[0]), 'column')} '{repeated[0]}'.",
            where=str(path),
            expected="columns with different names",
            fix="Rename or remove all but one.",
        )
    if frame.empty:
        raise TableError(
            f"The table '{path.name}' has no rows.", where=str(path), expected="one row per example"
        )
    plain = frame.set_axis(names, axis=1).reset_index(drop=True)
    kinds = plain.dtypes.items()
    stored_once = [name for name, kind in kinds if isinstance(kind, pd.CategoricalDtype)]
    return plain.astype(dict.fromkeys(stored_once, object))


def require_columns(
    frame: pd.DataFrame,
    names: Sequence[str],
    path: Path,
    *,
    table: str = "table",
    expected: str = "the columns that the config names",
) -> None:
    """Raises a `TableError` if a frame lacks columns."""
    missing = [name for name in names if name not in frame.columns]
    if missing:
        columns = [str(column) for column in frame.columns]
        quoted = ", ".join(f"'{name}'" for name in missing)
        raise TableError(
            f"The {table} lacks the column{'s' * (len(missing) > 1)} {quoted}.",
            where=str(path),
            expected=expected,
            received=listed_columns(columns),
            fix=suggestion(missing[0], columns),
        )


def files_of(addresses: Sequence[str], folder: Path, *, where: str) -> list[MediaFile]:
    """Returns the files that the cells of a table name, or raises a `TableError`."""
    return [
        file_of(address, folder, where=where, row=row)
        for row, address in enumerate(addresses, start=1)
    ]


def file_of(address: str, folder: Path, *, where: str, row: int) -> MediaFile:
    """Returns the file that a cell of a table names, or raises a `TableError`."""
    try:
        return media_file(address, folder)
    except MediaError as error:
        raise TableError(
            error.what,
            where=f"{where}, row {row}",
            expected=error.parts["expected"],
            received=error.parts["received"],
            fix=error.parts["fix"],
        ) from None


def listed_columns(columns: Sequence[str]) -> str:
    """Returns the names of columns as messages show them."""
    return ", ".join(columns[:12]) + (", ..." if len(columns) > 12 else "")


def _read_csv(path: Path) -> pd.DataFrame:
    refuse_more(path.stat().st_size, MAX_BYTES, "bytes")
    with path.open("rb") as file:
        lines = iter(lambda: file.readline(_MAX_HEADER_BYTES), b"")
        header = next((line for line in lines if line.strip()), b"")
    num_columns = header.count(b",") + 1
    refuse_more(num_columns, MAX_COLUMNS, "columns")
    # Without a header of their own, rows that are longer than the first are an error.
    cells = pd.read_csv(
        path,
        header=None,
        dtype=str,
        keep_default_na=False,
        encoding="utf-8-sig",
        compression=None,
        nrows=MAX_CELLS // num_columns + 1,
    )
    refuse_more(cells.shape[1], MAX_COLUMNS, "columns")
    refuse_more(cells.size, MAX_CELLS, "cells")
    names = [str(name) or f"Unnamed: {place}" for place, name in enumerate(cells.iloc[0])]
    return cells.iloc[1:].reset_index(drop=True).set_axis(names, axis=1)


def _read_parquet(path: Path) -> pd.DataFrame:
    """Reads a Parquet file without what pandas adds to it: an index, or columns on levels."""
    schema = pa.parquet.read_schema(path)
    held = {field.name: field for field in schema if holds_bytes(field)}
    # A text that fills a column is stored once, and dictionaries keep it so in memory.
    texts = [field.name for field in schema if _TEXT.fullmatch(str(field.type))]
    with pa.parquet.ParquetFile(path, read_dictionary=texts) as file:
        facts = file.metadata
        refuse_more(facts.num_columns, MAX_COLUMNS, "columns")
        groups = [facts.row_group(place) for place in range(facts.num_row_groups)]
        refuse_more(path.stat().st_size - num_held_bytes(groups, held), MAX_BYTES, "bytes")
        refuse_more(sum(map(_num_values, groups)), MAX_CELLS, "cells")
        table = file.read([name for name in schema.names if name not in held] if held else None)
        addresses = {name: cell_texts(file, field, path.name) for name, field in held.items()}
    names = enumerate(table.column_names)
    table = table.select([place for place, name in names if not name.startswith(_INDEX)])
    frame = table.to_pandas(ignore_metadata=True, integer_object_nulls=True)
    for place, name in enumerate(n for n in schema.names if not n.startswith(_INDEX)):
        if name in addresses:
            frame.insert(place, name, addresses[name])
    return frame


def _num_values(group: pa.parquet.RowGroupMetaData) -> int:
    """Returns the number of values of all rows; a cell that is a list has many."""
    return sum(group.column(place).num_values for place in range(group.num_columns))


def _no_table(path: Path) -> TableError:
    if exists(path):
        return TableError(
            f"The table '{path.name}' is not a file.",
            where=str(path),
            expected="a CSV or Parquet file",
            received="a folder" if path.is_dir() else "a pipe or device",
        )
    nearby = sorted(p.name for p in path.parent.glob("*.csv")) if path.parent.is_dir() else []
    return TableError(
        f"There is no table '{path.name}'.",
        where=str(path),
        expected="a CSV or Parquet file",
        fix=suggestion(path.name, nearby) or "Check data.table; it is relative to the config.",
    )
