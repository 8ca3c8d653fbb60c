"""Tables are data from outside: each is read, or refused with a reason."""

import datetime
import decimal
import gzip
import os
import random
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mutations import JUNK, damaged

from kerastl.config import parse_config
from kerastl.data.importing.guess import guess_data
from kerastl.data.tables import table_file
from kerastl.data.tables.loading import load_table, read_table
from kerastl.data.tables.recordings import load_recordings
from kerastl.data.tables.splits import assign_splits
from kerastl.data.tables.table_file import read_frame
from kerastl.errors import KerastlError, TableError

CSV = "path,car,bus,scene,split,start_seconds,end_seconds,word\n" + "".join(
    f"{n}.jpg,{n % 2},{['', '1', '0'][n % 3]},s{n % 3},{['train', 'test', 'val'][n % 3]},{n},,\n"
    for n in range(12)
)
STEP = datetime.timedelta(seconds=1)
ODD = {
    "dates": [datetime.date(2026, 1, 2)],
    "times": [datetime.datetime(9999, 1, 2, tzinfo=datetime.UTC), None],
    "durations": [STEP, None],
    "decimals": [decimal.Decimal("1.0"), decimal.Decimal("0.0"), None],
    "lists": [[1, 2], [], None],
    "lists of one length": [[1, 2], [3, 4]],
    "mappings": [{"a": 1}, {"a": None}],
    "bytes": [b"\xff\xfe", b"1"],
    "flags": [True, False, None],
    "numbers": [1.0, np.nan, np.inf, -0.0],
    "large numbers": [2**62, None],
    "texts": ["1", "", None, "x\x00", "a" * 1000],
}


def config(table: Path, *more: Path, **data: object):
    return parse_config(
        {
            "data": {
                "table": [str(path) for path in (table, *more)] if more else str(table),
                "image": "path",
                "tasks": ["car", "bus"],
                "group": "scene",
                "split": {"column": "split"},
                **data,
            },
            "backbone": {"name": "run:any"},
        }
    ).data


def use(table: Path) -> list[str]:
    """Uses a table in every way; returns the ways in which it was not refused."""
    other = table.with_name("other.csv")
    other.write_text(CSV)
    audio = config(table, audio="path", image=None)
    used = []
    for name, way in {
        "load": lambda: assign_splits(load_table(config(table)), config(table).split),
        "segments": lambda: load_table(audio),
        "merge": lambda: load_table(config(table, other)),
        "check": lambda: read_table(config(table)),
        "guess": lambda: guess_data(read_frame(table), table),
        "recordings": lambda: load_recordings(table, ["car"]),
    }.items():
        with suppress(KerastlError):
            way()
            used.append(name)
    return used


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text(CSV)
    return path


def frame_of(table: Path) -> pd.DataFrame:
    return pd.read_csv(table, dtype=str, keep_default_na=False)


def test_a_valid_table_is_used(table: Path) -> None:
    assert use(table) == ["load", "segments", "merge", "check", "guess"]


@pytest.mark.parametrize("seed", range(2))
def test_a_damaged_csv_file_is_used_or_refused(seed: int, table: Path) -> None:
    draw = random.Random(seed)
    for _ in range(60):
        table.write_bytes(damaged(CSV.encode(), draw))
        use(table)


@pytest.mark.parametrize("cell", [text for text in JUNK if isinstance(text, str)] + ["１", "1_0"])
def test_a_csv_file_with_odd_cells_is_used_or_refused(cell: str, table: Path) -> None:
    for column in frame_of(table).columns:
        frame = frame_of(table)
        frame.loc[3, column] = cell.replace("\ud800", "?")
        frame.to_csv(table, index=False)
        use(table)
        table.write_text(CSV)


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("column", ["path", "car", "scene", "split", "start_seconds", "other"])
def test_a_parquet_file_with_odd_types_is_used_or_refused(
    kind: str, column: str, table: Path
) -> None:
    path = table.with_suffix(".parquet")
    columns = {name: frame_of(table)[name].tolist() for name in frame_of(table)}
    columns[column] = [ODD[kind][n % len(ODD[kind])] for n in range(12)]
    pq.write_table(pa.table(columns), path)
    used = use(path)
    if column == "other":
        assert "load" in used
    pq.write_table(pa.table({**columns, column: pa.nulls(12)}), path)
    use(path)


@pytest.mark.parametrize("seed", range(2))
def test_a_damaged_parquet_file_is_used_or_refused(seed: int, table: Path) -> None:
    draw = random.Random(seed)
    path = table.with_suffix(".parquet")
    frame_of(table).astype({"scene": "category"}).to_parquet(path)
    whole = path.read_bytes()
    for _ in range(60):
        path.write_bytes(damaged(whole, draw))
        use(path)


def test_what_pandas_adds_to_a_parquet_file_does_not_matter(table: Path) -> None:
    path = table.with_suffix(".parquet")
    frame = frame_of(table).astype({"scene": "category"})
    frame.index = pd.Index(range(5, 17))
    frame[frame["car"] == "1"].to_parquet(path)
    assert list(read_frame(path).columns) == list(frame.columns)
    frame.set_index("path").to_parquet(path)
    assert use(path) == ["load", "segments", "merge", "check", "guess"]


def test_columns_on_several_levels_are_columns_with_other_names(table: Path) -> None:
    path = table.with_suffix(".parquet")
    frame = frame_of(table)
    frame.columns = pd.MultiIndex.from_product([["path"], frame.columns])
    frame.to_parquet(path)
    with pytest.raises(TableError, match="lacks the columns 'path', 'scene', 'car', 'bus'"):
        load_table(config(path))
    use(path)


def test_large_whole_numbers_with_gaps_stay_exact(table: Path) -> None:
    path = table.with_suffix(".parquet")
    columns = {name: frame_of(table)[name].tolist() for name in frame_of(table)}
    columns["scene"] = [2**60, 2**60 + 1, None] * 4
    pq.write_table(pa.table(columns), path)
    found = load_table(config(path, split={})).groups
    assert {str(2**60), str(2**60 + 1)} < set(found)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_repeated_column_is_refused(table: Path, suffix: str) -> None:
    path = table.with_suffix(suffix)
    if suffix == ".csv":
        path.write_text("path,car,car,bus,scene,split,,\na.jpg,1,0,1,s,train,,\n")
    else:
        columns = [pa.array(["a.jpg"])] * 3
        pq.write_table(pa.Table.from_arrays(columns, names=["path", "car", "car"]), path)
    with pytest.raises(TableError, match="has 2 columns 'car'"):
        load_table(config(path))
    assert use(path) == []


@pytest.mark.parametrize(
    ("text", "received"),
    [
        ("path,car\na.jpg,1,\nb.jpg,0,\n", "Expected 2 fields in line 2, saw 3"),
        ("path,car\na.jpg,1,0\n", "Expected 2 fields in line 2, saw 3"),
        ('path,car\n"a.jpg,1\n', "EOF inside string"),
        ("", "No columns to parse"),
        ("path\n\xe9.jpg\n".encode("latin-1"), "utf-8"),
        ("path,car\na.jpg,1\n".encode("utf-16"), "utf-8"),
        (gzip.compress(b"path,car\n" * 1000, mtime=0), "utf-8"),
        (",".join(map(str, range(100_000))) + "\n", "100,000 columns; at most 20,000 are read"),
        ("\n\n" + "," * 50_000 + "\n", "50,001 columns; at most 20,000 are read"),
    ],
)
def test_a_csv_file_that_would_be_misread_is_refused(
    text: str | bytes, received: str, tmp_path: Path
) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(TableError, match="cannot be read") as refused:
        read_frame(path)
    assert received in refused.value.parts["received"]


def test_a_few_bytes_that_stand_for_many_cells_are_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table({"path": pa.nulls(1, pa.string())}), path)
    columns = {f"c{n}": pa.nulls(300_000, pa.int8()) for n in range(10)}
    pq.write_table(pa.table(columns), path)
    assert path.stat().st_size < 20_000
    monkeypatch.setattr(table_file, "MAX_CELLS", 2_000_000)
    begin = time.monotonic()
    with pytest.raises(TableError) as refused:
        read_frame(path)
    assert refused.value.parts["received"] == "3,000,000 cells; at most 2,000,000 are read"
    assert time.monotonic() - begin < 1
    pq.write_table(pa.table({"path": ["a"], "lists": [[0] * 3_000_000]}), path)
    with pytest.raises(TableError, match="3,000,001 cells; at most 2,000,000 are read"):
        read_frame(path)
    (tmp_path / "table.csv").write_text("path\n" + "a\n" * 2_000_001)
    with pytest.raises(TableError, match="at most 2,000,000 are read"):
        read_frame(tmp_path / "table.csv")


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_a_long_text_that_fills_a_column_is_in_memory_once(
    kind: pa.DataType, tmp_path: Path
) -> None:
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table({"path": pa.array(["x" * 100_000] * 500).cast(kind)}), path)
    assert path.stat().st_size < 20_000
    frame = read_frame(path)
    assert len({id(cell) for cell in frame["path"]}) == 1


@pytest.mark.parametrize("name", ["table.csv", "table.parquet"])
def test_pipes_devices_and_folders_are_refused_without_being_opened(
    name: str, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(TableError, match="is not a file") as refused:
        read_frame(tmp_path / name)
    assert refused.value.parts["received"] == "a pipe or device"
    for other, kind in ((Path("/dev/zero"), "device"), (tmp_path, "a folder")):
        with pytest.raises(TableError, match="is not a file") as refused:
            read_frame(other)
        assert kind in refused.value.parts["received"]
    with pytest.raises(TableError, match="There is no table"):
        read_frame(tmp_path / ("x" * 1000))
