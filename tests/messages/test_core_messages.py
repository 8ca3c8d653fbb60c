"""Whole texts of the errors of tables, labels, splits, heads and runs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import kerastl
from kerastl import errors
from kerastl.config import ColumnSplit, DataConfig, LabelPolicy
from kerastl.config.head import resolve_heads
from kerastl.data.tables.examples import Examples, refuse_missing_files
from kerastl.data.tables.labels import decode_labels, refuse_invalid_cells
from kerastl.data.tables.loading import build_examples, load_table
from kerastl.data.tables.splits import assign_splits
from kerastl.data.tables.table_file import read_frame
from kerastl.errors import KerastlError
from kerastl.run.summary import list_runs
from kerastl_runtime.media_file import LocalFile


def table(**columns: list[object]) -> Examples:
    frame = pd.DataFrame({"path": ["a.png", "b.png"], "car": ["1", "0"], **columns})
    data = DataConfig(
        table=Path("t.csv"), image="path", tasks=("car",), group="g" if "g" in columns else None
    )
    return build_examples(
        frame, [LocalFile("/d/a.png"), LocalFile("/d/b.png")], data, source="t.csv"
    )


def csv(folder: Path, text: str) -> DataConfig:
    (folder / "t.csv").write_text(text)
    return DataConfig(table=folder / "t.csv", image="path", tasks=("car",))


CASES: list[tuple[Callable[[Path], object], str]] = [
    (
        lambda folder: read_frame(folder / "no.csv"),
        """\
There is no table 'no.csv'.
  where:    {folder}/no.csv
  expected: a CSV or Parquet file
  fix:      Check data.table; it is relative to the config.""",
    ),
    (
        lambda folder: load_table(csv(folder, "path,car\n")),
        """\
The table 't.csv' has no rows.
  where:    {folder}/t.csv
  expected: one row per example""",
    ),
    (
        lambda folder: load_table(csv(folder, "path,cat\na.png,1\n")),
        """\
The table lacks the column 'car'.
  where:    {folder}/t.csv
  expected: the columns that the config names
  received: path, cat
  fix:      Did you mean 'cat'?""",
    ),
    (
        lambda folder: load_table(csv(folder, "path,car\n,1\n")),
        """\
1 row names no file.
  where:    t.csv: column path, first in row 1
  expected: the file of the example
  fix:      Fill the cells or remove the rows.""",
    ),
    (
        lambda folder: refuse_missing_files(table()),
        """\
2 of 2 files of the table are missing.
  where:    t.csv
  expected: files relative to the folder of the table, or for a DataFrame to the current one
  received: row 1: /d/a.png
            row 2: /d/b.png
  fix:      Correct the paths or remove the rows; `kerastl data check` lists all of them.""",
    ),
    (
        lambda folder: refuse_invalid_cells(
            "car", decode_labels(["1", "x", "y"], LabelPolicy()).invalid_cells, source="t.csv"
        ),
        """\
2 cells of the task 'car' are not labels.
  where:    t.csv: column car
  expected: 1, 0 or blank, or a cell that data.labels lists
  received: 'x' in row 2, 'y' in row 3
  fix:      Correct the cells, or list them under data.labels.car.""",
    ),
    (
        lambda folder: assign_splits(table(s=["train", "tets"]), ColumnSplit(column="s")),
        """\
1 cell of the column 's' does not name a split.
  where:    t.csv: first in row 2
  expected: train, validation or test
  received: 'tets'
  fix:      Did you mean 'test'?""",
    ),
    (
        lambda folder: assign_splits(table(s=["test", "test"]), ColumnSplit(column="s")),
        """\
No row is left for training.
  where:    t.csv
  expected: smaller fractions under data.split, or more rows
  received: 2 rows""",
    ),
    (
        lambda folder: assign_splits(
            table(s=["train", "test"], g=["x", "x"]), ColumnSplit(column="s")
        ),
        """\
1 group has rows in different splits.
  where:    t.csv
  expected: all rows of a group in one split
  received: 'x'
  fix:      Use data.split: {{validation: 0.15, test: 0.15}}, which keeps groups whole, or \
remove data.group.""",
    ),
    (
        lambda folder: assign_splits(table(splt=["train", "test"]), ColumnSplit(column="split")),
        """\
The table lacks the column 'split' that data.split names.
  where:    t.csv
  expected: a column with train, validation or test
  fix:      Did you mean 'splt'?""",
    ),
    (
        lambda folder: resolve_heads({"a": {"tasks": ["car"]}}, ["car", "bus"]),
        """\
Every task must be answered by exactly one head.
  expected: car, bus
  received: a: car""",
    ),
    (
        lambda folder: resolve_heads("multi", ["backbone"]),
        """\
A head cannot be named 'backbone'.
  expected: a name without '/', other than audio, backbone, image
  fix:      Rename the task or head, or use heads: single.""",
    ),
    (
        lambda folder: kerastl.build_model(
            "applications:mobilenet_v2", ["car"], weights=None, input_size=16
        ),
        """\
The images are too small for the backbone 'applications:mobilenet_v2'.
  expected: at least 32 pixels a side
  received: 16 x 16
  fix:      Set backbone.input_size to 32 or more.""",
    ),
    (
        lambda folder: kerastl.build_model(
            "applications:mobilenet_v2", ["car"], weights="imagnet", input_size=32
        ),
        """\
There are no weights 'imagnet' for the backbone 'applications:mobilenet_v2'.
  expected: 'imagenet', an existing file (.keras, .weights.h5, .h5, .hdf5), or null for \
random weights
  fix:      Did you mean 'imagenet'?""",
    ),
    (
        lambda folder: kerastl.load_run(folder / "no"),
        """\
There is no run '{folder}/no'.
  expected: a folder that `kerastl train` wrote
  fix:      Check the path; `kerastl train CONFIG --output RUN` creates a run.""",
    ),
    (
        lambda folder: list_runs(folder / "no"),
        """\
There is no folder '{folder}/no'.
  expected: a folder with runs, as `kerastl train` writes them
  fix:      Give the folder of your runs: kerastl runs FOLDER.""",
    ),
    (
        lambda folder: kerastl.load_run(folder),
        """\
The folder '{folder}' does not contain a run.
  where:    {folder}
  expected: bundle.json and model.keras, as `kerastl train` writes them""",
    ),
    (
        lambda folder: kerastl.load_model(folder / "model.keras"),
        """\
There is no model 'model.keras'.
  where:    {folder}/model.keras
  expected: a .keras file or the folder of a run""",
    ),
    (
        lambda folder: kerastl.find_backbone(f"run:{folder}"),
        """\
The backbone 'run:{folder}' cannot be used. The folder '{folder}' does not contain a run.
  where:    {folder}
  expected: the folder of a finished run""",
    ),
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_the_whole_text_is_as_a_user_sees_it(case: int, tmp_path: Path) -> None:
    cause, text = CASES[case]
    with pytest.raises(KerastlError) as caught:
        cause(tmp_path)
    assert str(caught.value) == text.format(folder=tmp_path)


def test_an_unfinished_run_says_how_to_continue(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("")
    with pytest.raises(KerastlError) as caught:
        kerastl.load_run(tmp_path)
    assert f"kerastl train --resume {tmp_path}" in str(caught.value)


def test_every_kind_of_error_has_its_text_tested() -> None:
    kinds = [name for name, value in vars(errors).items() if is_kind(value)]
    others = [path for path in Path(__file__).parent.glob("test_*.py") if path != Path(__file__)]
    tested = "".join(path.read_text() for path in others)
    raised = {type(error).__name__ for error in map(raised_by, range(len(CASES)))}
    missing = [kind for kind in kinds if kind not in tested and kind not in raised]
    assert missing == ["BrokenPluginError"]  # which needs a plugin of its own, below


def is_kind(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, KerastlError) and value is not KerastlError


def raised_by(case: int) -> KerastlError:
    try:
        CASES[case][0](Path("/nowhere"))
    except KerastlError as error:
        return error
    except OSError:
        return KerastlError("The folder isn't there.")
    raise AssertionError("nothing was raised")


def test_a_message_of_several_parts_is_aligned() -> None:
    error = KerastlError("It broke.", problems=["a", "b"], where="here", received="x\ny", fix="do")
    assert str(error).splitlines() == [
        "It broke.",
        "  - a",
        "  - b",
        "  where:    here",
        "  received: x",
        "            y",
        "  fix:      do",
    ]


def test_labels_in_an_array_are_checked_before_training() -> None:
    from kerastl.losses import check_labels

    with pytest.raises(errors.LabelError):
        check_labels(np.array([[1.0, 2.0]]))


def test_a_broken_plugin_is_named_with_its_distribution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = tmp_path / "kerastl_torn-2.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: kerastl-torn\nVersion: 2.0\n")
    (metadata / "entry_points.txt").write_text("[kerastl.backbones]\ntorn = kerastl_torn:family\n")
    (tmp_path / "kerastl_torn.py").write_text("raise RuntimeError('half installed')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(errors.BrokenPluginError) as caught:
        kerastl.find_backbone("torn:one")
    assert str(caught.value) == (
        "The backbone family 'torn' cannot be loaded.\n"
        "  where:    kerastl-torn 2.0: kerastl_torn:family\n"
        f"  received: RuntimeError: half installed ({tmp_path / 'kerastl_torn.py'}:1)\n"
        "  fix:      Update or uninstall kerastl-torn, or set KERASTL_PLUGINS to the "
        "distributions you need."
    )
