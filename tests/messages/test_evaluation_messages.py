"""What a user reads when several tables or thresholds don't fit, word for word."""

from pathlib import Path

import pandas as pd
import pytest

from kerastl.config import DataConfig, parse_config
from kerastl.data.tables.loading import load_table
from kerastl.errors import KerastlError


def write(table: Path, /, **columns: list[object]) -> Path:
    pd.DataFrame(columns).to_csv(table, index=False)
    return table


def message(*tables: Path, **more: object) -> str:
    with pytest.raises(KerastlError) as raised:
        load_table(DataConfig(table=tables, image="path", tasks=("car", "bus"), **more))
    return str(raised.value)


def test_tables_that_contradict_each_other(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(5)]
    one = write(tmp_path / "north.csv", path=names, car=[1, 1, 0, 1, 1])
    two = write(tmp_path / "south.csv", path=names, car=[0, 0, 1, 0, 1], bus=[1] * 5)
    assert message(one, two) == (
        "The tables contradict each other in 4 labels.\n"
        "  - car of 0.png: yes in row 1 of north.csv, no in row 1 of south.csv\n"
        "  - car of 1.png: yes in row 2 of north.csv, no in row 2 of south.csv\n"
        "  - car of 2.png: yes in row 3 of south.csv, no in row 3 of north.csv\n"
        "  - and 1 more\n"
        "  where:    north.csv and south.csv\n"
        "  expected: one answer per file and task; blank if a table does not know it\n"
        "  fix:      Correct the cells, or blank those that are wrong."
    )


def test_tables_of_one_name_are_told_apart_by_their_folder(tmp_path: Path) -> None:
    for name in ("north", "south"):
        (tmp_path / name).mkdir()
    one = write(tmp_path / "north" / "labels.csv", path=["../a.png"], car=[1])
    two = write(tmp_path / "south" / "labels.csv", path=["../a.png"], car=[0], bus=[1])
    assert (
        "  - car of a.png: yes in row 1 of north/labels.csv, no in row 1 of south/labels.csv\n"
    ) in message(one, two)


def test_a_file_in_two_groups(tmp_path: Path) -> None:
    one = write(tmp_path / "north.csv", path=["a.png"], car=[1], patient=["p1"])
    two = write(tmp_path / "south.csv", path=["a.png"], bus=[1], patient=["p2"])
    assert message(one, two, group="patient") == (
        "The tables disagree about the column 'patient' of 1 file.\n"
        "  - a.png: 'p1' in row 1 of north.csv, 'p2' in row 1 of south.csv\n"
        "  where:    north.csv and south.csv\n"
        "  expected: the same cell in every row of a file, or a blank\n"
        "  fix:      Correct the cells. A file in two groups or splits would be in both training "
        "and test."
    )


def test_a_task_that_no_table_has(tmp_path: Path) -> None:
    one = write(tmp_path / "north.csv", path=["a.png"], car=[1])
    two = write(tmp_path / "south.csv", path=["b.png"], buss=[1])
    assert message(one, two) == (
        "No table has the column 'bus'.\n"
        f"  where:    {one}, {two}\n"
        "  expected: each task in at least one of the tables\n"
        "  received: path, car, buss\n"
        "  fix:      Did you mean 'buss'?"
    )


def test_thresholds_that_are_none() -> None:
    with pytest.raises(KerastlError) as raised:
        parse_config(
            {
                "data": {"table": "a.csv", "image": "path", "tasks": ["car", "bus"]},
                "backbone": {"name": "tiny:image"},
                "evaluation": {
                    "threshold": {"car": "sensitivity>0.9", "bsu": 0.3},
                    "bootstrap": -1,
                },
            }
        )
    assert str(raised.value) == (
        "Config has 2 problems.\n"
        "  - evaluation.threshold.car: expected youden, f1, sensitivity>=0.9, specificity>=0.9, "
        "precision>=0.9 or a number, received 'sensitivity>0.9'. Did you mean 'sensitivity>=0.9'?\n"
        "  - evaluation.bootstrap: expected 0 or more, received -1\n"
        "  where:    config"
    )
