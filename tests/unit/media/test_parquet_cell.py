"""Images and audio files in the cells of Parquet files."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kerastl.data.tables import table_file
from kerastl.data.tables.table_file import read_frame
from kerastl.errors import TableError
from kerastl.media import parquet_cell
from kerastl.media.addresses import media_file
from kerastl_runtime.media_file import LocalFile

STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def cells_of(path: Path, column: str = "image") -> list[str]:
    return [str(cell) for cell in read_frame(path)[column]]


def write(path: Path, cells: list[Any], kind: pa.DataType = STRUCT, **options: Any) -> Path:
    table = pa.table({"car": list(range(len(cells))), "image": pa.array(cells, kind)})
    pq.write_table(table, path, **options)
    return path


def test_a_cell_of_a_frame_is_the_address_of_the_bytes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", [{"bytes": b"one", "path": "x/1.png"}, {"bytes": b"two"}])
    assert list(read_frame(path).columns) == ["car", "image"]
    assert cells_of(path) == ["a.parquet#image/1/1.png", "a.parquet#image/2"]
    first, second = (media_file(cell, tmp_path) for cell in cells_of(path))
    assert (first.read(), second.read()) == (b"one", b"two")
    assert (first.name, second.name) == ("1.png", "a.parquet#image/2")
    assert media_file(str(first)) == first
    assert first.relative_to(tmp_path / "sub") == "../a.parquet#image/1/1.png"


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary_view()])
def test_a_plain_binary_column_holds_bytes_too(kind: pa.DataType, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"an image": pa.array([b"one", b"two"], kind)}), path)
    assert cells_of(path, "an image") == ["a.parquet#an%20image/1", "a.parquet#an%20image/2"]
    assert media_file(cells_of(path, "an image")[1], tmp_path).read() == b"two"


def test_a_cell_without_bytes_names_a_file_beside_the_table(tmp_path: Path) -> None:
    (tmp_path / "b.png").write_bytes(b"on disk")
    cells = [{"bytes": b"one", "path": "a.png"}, {"bytes": None, "path": "b.png"}, None]
    path = write(tmp_path / "a.parquet", cells)
    assert cells_of(path) == ["a.parquet#image/1/a.png", "b.png", ""]
    assert media_file("b.png", tmp_path) == LocalFile(tmp_path / "b.png")


@pytest.mark.parametrize("row_group_size", [1, 7, 1000])
def test_any_order_of_rows_gives_the_bytes_of_each(
    row_group_size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_cell, "_MOST_BLOCK_ROWS", 3)
    monkeypatch.setattr(parquet_cell, "_KEPT_BYTES", 20)
    contents = [f"content {row}".encode() for row in range(40)]
    cells = [{"bytes": content, "path": None} for content in contents]
    path = write(tmp_path / "a.parquet", cells, row_group_size=row_group_size)
    files = [media_file(cell, tmp_path) for cell in cells_of(path)]
    order = [*range(0, 40, 7), *range(39, -1, -1), 5, 5, 30]
    assert [files[row].read() for row in order] == [contents[row] for row in order]


def test_threads_that_read_parts_of_a_table_get_their_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_cell, "_MOST_BLOCK_ROWS", 3)
    monkeypatch.setattr(parquet_cell, "_KEPT_BYTES", 10_000)
    contents = [bytes([row % 256]) * 1000 for row in range(500)]
    path = write(tmp_path / "a.parquet", [{"bytes": c, "path": None} for c in contents])
    files = [media_file(cell, tmp_path) for cell in cells_of(path)]
    wrong: list[int] = []

    def read(begin: int) -> None:
        wrong.extend(r for r in range(begin, 500, 4) if files[r].read() != contents[r])

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(read, range(4)))
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []


def test_rows_in_order_are_read_once_and_few_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size, num_rows = 100_000, 400
    path = write(
        tmp_path / "a.parquet",
        [{"bytes": row.to_bytes(2, "big") * (size // 2), "path": None} for row in range(num_rows)],
        compression="none",
        use_dictionary=False,
        write_batch_size=10,
    )
    monkeypatch.setattr(parquet_cell, "_KEPT_BYTES", 4 * parquet_cell._BLOCK_BYTES)
    files = [media_file(cell, tmp_path) for cell in cells_of(path)]
    blocks = []
    keep = parquet_cell._BinaryColumn._keep

    def noting(self: Any, first: int, values: Any) -> None:
        keep(self, first, values)
        blocks.append((first, sum(kept.nbytes for kept in self._kept.values())))

    monkeypatch.setattr(parquet_cell._BinaryColumn, "_keep", noting)
    before = pa.total_allocated_bytes()
    most = 0
    for file in files:
        file.read()
        most = max(most, pa.total_allocated_bytes() - before)
    assert len({first for first, _ in blocks}) == len(blocks)
    assert most < size * num_rows / 1.5


def test_a_changed_table_is_opened_again(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", [{"bytes": b"one", "path": None}])
    file = media_file(cells_of(path)[0], tmp_path)
    assert file.read() == b"one"
    before = file.version()
    write(path, [{"bytes": b"other", "path": None}])
    assert file.read() == b"other"
    assert file.version() != before


def test_what_is_not_there_is_an_error_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", [{"bytes": b"one", "path": None}])
    with pytest.raises(OSError, match="no row 2"):
        media_file("a.parquet#image/2", tmp_path).read()
    with pytest.raises(OSError, match="mask"):
        media_file("a.parquet#mask/1", tmp_path).read()
    with pytest.raises(FileNotFoundError):
        media_file("gone.parquet#image/1", tmp_path).read()
    path.write_bytes(b"PAR1 damaged PAR1")
    with pytest.raises(OSError, match=r"a\.parquet"):
        media_file("a.parquet#image/1", tmp_path).read()


def test_each_cell_of_a_damaged_row_group_is_refused_and_other_groups_are_read(
    tmp_path: Path,
) -> None:
    cells = [{"bytes": bytes([row]) * 5_000, "path": None} for row in range(20)]
    path = write(tmp_path / "a.parquet", cells, row_group_size=10, compression="none")
    column = pq.read_metadata(path).row_group(0).column(1)
    data = bytearray(path.read_bytes())
    start = column.dictionary_page_offset or column.data_page_offset
    data[start : start + 40] = b"\xff" * 40
    path.write_bytes(data)
    for row in (1, 2, 10):
        with pytest.raises(OSError, match=r"a\.parquet"):
            media_file(f"a.parquet#image/{row}", tmp_path).read()
    assert media_file("a.parquet#image/11", tmp_path).read() == bytes([10]) * 5_000


def test_only_other_columns_count_for_the_limit_of_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = [{"bytes": row.to_bytes(2, "big") * 10_000, "path": None} for row in range(50)]
    path = write(tmp_path / "a.parquet", cells, compression="none", use_dictionary=False)
    monkeypatch.setattr(table_file, "MAX_BYTES", 100_000)
    assert len(cells_of(path)) == 50
    other = tmp_path / "b.parquet"
    texts = [f"{row}" * 10_000 for row in range(50)]
    pq.write_table(pa.table({"text": texts}), other, compression="none", use_dictionary=False)
    with pytest.raises(TableError, match="bytes; at most 100,000 are read"):
        read_frame(other)
