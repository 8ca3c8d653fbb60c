"""Tables in CSV and Parquet: every label is the one of its cell, or the table is refused."""

import contextlib
import csv
import datetime
import decimal
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from mutations import JUNK, damaged
from runner import Kind, Use, WrongNumberError

from kerastl.config import parse_config
from kerastl.data.importing.guess import guess_data
from kerastl.data.tables.loading import load_table, read_table
from kerastl.data.tables.recordings import load_recordings
from kerastl.data.tables.splits import assign_splits
from kerastl.data.tables.table_file import read_frame

COLUMNS = (
    "path",
    "car",
    "bus",
    "scene",
    "split",
    "start_seconds",
    "end_seconds",
    "x",
    "width",
    "word",
)
_TEXTS = [text for text in JUNK if isinstance(text, str) and text != "\ud800"]
_CELLS = (
    *_TEXTS,
    *("0", "1", "1.0", "-1", "nan", "NaN", "None", "true", "1e0", "１", "1_0", " 1", "0x1", "-0"),
    *("1e309", "9" * 400, "'", '"', "a,b", "a\nb", "\r", "\ufeff", "été", "=1+1", "inf"),
)
_VALUES = (
    *(None, True, False, 0, 1, 2**62, -1, 0.5, 1.0, float("nan"), float("inf"), b"\xff", "1", "x"),
    *(
        datetime.date(2026, 1, 2),
        datetime.timedelta(seconds=1),
        decimal.Decimal("1.0"),
        [1],
        {"a": 1},
    ),
)


def rows(draw: random.Random, count: int) -> list[dict[str, str]]:
    """Returns the rows of a valid table."""
    return [
        {
            "path": f"{n}.jpg",
            "car": str(n % 2),
            "bus": ("", "1", "0")[n % 3],
            "scene": f"s{n % 4}",
            "split": ("train", "test", "validation")[n % 3],
            **({"start_seconds": str(n), "end_seconds": str(n + 1.5)} if count % 2 else {}),
            **({"x": "1", "y": "1", "width": "5", "height": "6"} if count % 3 == 0 else {}),
        }
        for n in range(count)
    ]


def config(table: Path, draw: random.Random) -> Any:
    """Returns the data section of a config for a table."""
    media = draw.choice(("image", "image", "audio"))
    values: dict[str, Any] = {"table": str(table), media: "path", "tasks": ["car", "bus"]}
    if draw.random() < 0.5:
        values["group"] = "scene"
    if draw.random() < 0.5:
        values["split"] = {"column": "split"}
    return parse_config({"data": values, "backbone": {"name": "run:any"}}).data


def use_table(path: Path, draw: random.Random) -> bool:
    """Uses a table in every way; checks the labels against a plain reading of a CSV file."""
    from kerastl.errors import KerastlError

    data = config(path, draw)
    others: tuple[Callable[[], Any], ...] = (
        lambda: read_table(data),
        lambda: guess_data(read_frame(path), path),
        lambda: load_recordings(path, ["car"]),
    )
    for way in others:
        with contextlib.suppress(KerastlError):
            way()
    examples = load_table(data)
    labels = examples.training_labels
    if not (np.isnan(labels) | ((labels >= 0) & (labels <= 1))).all():
        raise WrongNumberError(f"labels {labels}")
    if path.suffix == ".csv":
        _compare(path, labels)
    assign_splits(examples, data.split)
    return True


def _compare(path: Path, labels: np.ndarray) -> None:
    """Compares labels with what Python's own reader of CSV finds."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        found = [row for row in csv.reader(file) if row]
    header, cells = found[0], found[1:]
    if len(cells) != len(labels):
        raise WrongNumberError(f"{len(labels)} rows of {len(cells)}")
    for number, task in enumerate(("car", "bus")):
        column = header.index(task)
        for row, label in zip(cells, labels[:, number], strict=True):
            cell = row[column].strip() if column < len(row) else ""
            expected = {"1": 1.0, "1.0": 1.0, "0": 0.0, "0.0": 0.0}.get(cell)
            if expected is not None and label != expected:
                raise WrongNumberError(f"{task}: {cell!r} became {label}")
            if expected is None and label == label and not _is_number(cell, label):
                raise WrongNumberError(f"{task}: {cell!r} became {label}")


def _is_number(cell: str, label: float) -> bool:
    try:
        return float(cell) == label
    except ValueError:
        return cell.lower() in ("true", "false", "yes", "no")


def _prepare_csv(_: Path) -> Use:
    def use(draw: random.Random, place: Path) -> bool:
        made = rows(draw, draw.randrange(1, 25))
        for _ in range(draw.choice((0, 1, 1, 3))):
            draw.choice(made)[draw.choice(COLUMNS)] = draw.choice(_CELLS)
        path = place / "table.csv"
        names = list(dict.fromkeys(name for row in made for name in row))
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, names, restval="", quoting=draw.choice((0, 1)))
            writer.writeheader()
            writer.writerows(made)
        if draw.random() < 0.4:
            path.write_bytes(damaged(path.read_bytes(), draw))
        return use_table(path, draw)

    return use


def _prepare_parquet(_: Path) -> Use:
    def use(draw: random.Random, place: Path) -> bool:
        made = rows(draw, draw.randrange(1, 25))
        columns: dict[str, Any] = {name: [row[name] for row in made] for name in made[0]}
        for name in draw.sample(sorted(columns), draw.choice((0, 1, 2))):
            value = draw.choice(_VALUES)
            columns[name] = [value if draw.random() < 0.8 else None for _ in made]
        path = place / "table.parquet"
        pq.write_table(pa.table(columns), path)
        if draw.random() < 0.6:
            path.write_bytes(damaged(path.read_bytes(), draw))
        return use_table(path, draw)

    return use


KINDS = (
    Kind(name="tables-csv", prepare=_prepare_csv, share=2),
    Kind(name="tables-parquet", prepare=_prepare_parquet, share=2),
)
