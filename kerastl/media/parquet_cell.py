"""Cells of Parquet files that hold the bytes of images and audio files.

Convention: such a column is binary, or a struct with `bytes` and perhaps `path`, as Hugging Face's
`datasets` writes it. It is read in blocks of a few megabytes, of which the latest are kept, so
memory depends on the pages of the file (at most 1024 rows, as they are usually written) and not on
the table. Rows are read fastest in their order.
"""

import itertools
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, unquote

from kerastl_runtime.files import require_regular
from kerastl_runtime.media_file import LocalFile, MediaFile, Version, refuse_larger

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet

_ADDRESS = re.compile(r"(.+\.(?:parquet|pq))#([^/]+)/([1-9]\d{0,17})(/[^/]*)?", re.I | re.S)
_BLOCK_BYTES = 2**22
_MOST_BLOCK_ROWS = 256
_KEPT_BYTES = 2**27
_OPEN_COLUMNS = 16
_BUFFER_BYTES = 2**20
# Arrow's on damaged bytes
_DAMAGE = (OSError, ValueError, KeyError, IndexError, NotImplementedError, StopIteration)


class ParquetCell(MediaFile):
    """A cell with the bytes of a file; rows count from 1, and `ending` may be "/" and a name."""

    fix_missing = "Write the bytes of the file, or its path, into the cell of the table."

    def __init__(self, table: Path, column: str, row: int, ending: str = ""):
        super().__init__(f"{table}#{quote(column, safe='')}/{row}{ending}")
        self._table = table
        self._column = column
        self._row = row
        self._ending = ending

    @classmethod
    def of_address(cls, address: str, folder: Path) -> Self | None:
        """Returns the cell with an address in a table relative to a folder, None for others."""
        found = _ADDRESS.fullmatch(address)
        if found is None:
            return None
        table, column, row, ending = found.groups()
        return cls(folder / table, unquote(column), int(row), ending or "")

    @property
    def name(self) -> str:
        return self._ending[1:] or str(self)[len(str(self._table.parent)) :].lstrip(os.sep)

    @property
    def reading_order(self) -> tuple[str, int]:
        return str(self._table), self._row

    def read(self, most: int | None = None) -> bytes:
        version = self.version()
        try:
            require_regular(self._table)
            column = _shared_column(self._table, self._column, version)
            data = column.bytes_of(self._row - 1)
        except _DAMAGE as error:
            if getattr(error, "errno", None) is not None:  # the file is missing or unreadable
                raise
            raise OSError(f"the table '{self._table.name}': {error}") from error
        if data is None:
            raise FileNotFoundError(f"no bytes in row {self._row}")
        refuse_larger(len(data), most, str(self))
        return data

    def exists(self) -> bool:
        return LocalFile(self._table).exists()  # cells without bytes have no address

    def version(self) -> Version | None:
        return LocalFile(self._table).version()

    def relative_to(self, folder: Path) -> str:
        table = LocalFile(self._table).relative_to(folder)
        return str(ParquetCell(Path(table), self._column, self._row, self._ending))


def holds_bytes(field: "pa.Field") -> bool:
    """Whether a column of a Parquet file holds the bytes of files."""
    return _leaf_type(field).endswith(("binary", "binary_view"))


def num_held_bytes(
    groups: "Sequence[pa.parquet.RowGroupMetaData]", held: "Mapping[str, pa.Field]"
) -> int:
    """Returns how many bytes of a file are in columns that hold bytes."""
    leaves = {_leaf(field) for field in held.values()}
    columns = [group.column(place) for group in groups for place in range(group.num_columns)]
    return sum(c.total_compressed_size for c in columns if c.path_in_schema in leaves)


def cell_texts(file: "pa.parquet.ParquetFile", field: "pa.Field", table: str) -> list[str]:
    """Returns the texts of a column that holds bytes: the address of each cell, by a table.

    A cell without bytes has the path that it states, or is blank.
    """
    num_rows = file.metadata.num_rows
    paths = [""] * num_rows
    if _has(field, "path"):
        stated = file.read(columns=[f"{field.name}.path"]).column(0).combine_chunks()
        paths = [str(path or "").strip() for path in stated.flatten()[0].to_pylist()]
    filled = itertools.chain.from_iterable(_are_filled(file, field))
    return [
        _text(table, field.name, row, path) if is_filled else path
        for row, (path, is_filled) in enumerate(zip(paths, filled, strict=True), start=1)
    ]


def _text(table: str, column: str, row: int, path: str) -> str:
    name = re.split(r"[/\\]", path)[-1]
    ending = f"/{name}" if name.isprintable() and name else ""
    return str(ParquetCell(Path(table), column, row, ending))


def _are_filled(file: "pa.parquet.ParquetFile", field: "pa.Field") -> Iterator[list[bool]]:
    """Yields for some rows at a time whether they have bytes; reads them only if some lack them."""
    leaf, facts = _leaf(field), file.metadata
    names = [facts.schema.column(place).path for place in range(facts.num_columns)]
    for group in range(facts.num_row_groups):
        found = facts.row_group(group)
        counts = found.column(names.index(leaf)).statistics
        if counts is not None and counts.has_null_count and not counts.null_count:
            yield [True] * found.num_rows
            continue
        for values in _batches(file, field, group):
            yield values.is_valid().to_pylist()


def _batches(file: "pa.parquet.ParquetFile", field: "pa.Field", group: int) -> Iterator["pa.Array"]:
    """Yields the bytes in a row group of a column, some rows at a time."""
    facts = file.metadata.row_group(group)
    columns = [facts.column(place) for place in range(facts.num_columns)]
    size = sum(c.total_uncompressed_size for c in columns if c.path_in_schema == _leaf(field))
    rows = max(1, min(_MOST_BLOCK_ROWS, _BLOCK_BYTES * facts.num_rows // max(1, size)))
    for batch in file.iter_batches(
        batch_size=rows, row_groups=[group], columns=[_leaf(field)], use_threads=False
    ):
        values = batch.column(0)
        yield values.flatten()[0] if _has(field, "bytes") else values


class _BinaryColumn:
    """A column of bytes, read in order; any number of threads may ask for cells."""

    def __init__(self, table: Path, column: str):
        import pyarrow.parquet

        self._file = pyarrow.parquet.ParquetFile(table, buffer_size=_BUFFER_BYTES, pre_buffer=False)
        self._field = self._file.schema_arrow.field(column)
        facts = self._file.metadata
        sizes = [facts.row_group(group).num_rows for group in range(facts.num_row_groups)]
        self._ends = list(itertools.accumulate(sizes))
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, Any] = OrderedDict()  # first row to the bytes of some rows
        self._next = 0  # row that the open row group goes on with
        self._end = 0  # of the open row group
        self._rest: Iterator[Any] = iter(())

    def bytes_of(self, row: int) -> bytes | None:
        """Returns the bytes in a row, counted from 0, or None if there are none."""
        with self._lock:
            first, values = self._block(row)
        found: bytes | None = values[row - first].as_py()
        return found

    def _block(self, row: int) -> tuple[int, Any]:
        for first, values in reversed(self._kept.items()):
            if first <= row < first + len(values):
                return first, values
        if not self._next <= row < self._end:
            self._open_group(row)
        while True:
            first = self._next
            try:
                values = next(self._rest)
            except BaseException:  # the rest of the row group cannot be read anymore
                self._next = self._end = 0
                raise
            self._next += len(values)
            self._keep(first, values)
            if row < self._next:
                return first, values

    def _open_group(self, row: int) -> None:
        group = next((place for place, end in enumerate(self._ends) if row < end), None)
        if group is None:
            raise IndexError(f"no row {row + 1}")
        self._next, self._end = [0, *self._ends][group], self._ends[group]
        self._rest = _batches(self._file, self._field, group)

    def _keep(self, first: int, values: Any) -> None:
        """Keeps the latest blocks: threads that read parts of the table are a few rows apart."""
        self._kept.pop(first, None)
        self._kept[first] = values
        while len(self._kept) > 1 and sum(v.nbytes for v in self._kept.values()) > _KEPT_BYTES:
            self._kept.popitem(last=False)


@lru_cache(maxsize=_OPEN_COLUMNS)
def _shared_column(table: Path, column: str, version: Version | None) -> _BinaryColumn:
    """Returns the column that all its cells share, until the table changes."""
    return _BinaryColumn(table, column)


def _has(field: "pa.Field", name: str) -> bool:
    """Whether a column is a struct with a field."""
    return hasattr(field.type, "names") and name in field.type.names


def _leaf(field: "pa.Field") -> str:
    return f"{field.name}.bytes" if _has(field, "bytes") else field.name


def _leaf_type(field: "pa.Field") -> str:
    return str(field.type.field("bytes").type if _has(field, "bytes") else field.type)
