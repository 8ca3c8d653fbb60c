"""`kerastl data`, as called from a shell."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from kerastl.cli import main


@pytest.fixture
def folder(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for index in range(20):
        pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{index}.png")
    write_table(tmp_path, ["1", "0"] * 10)
    (tmp_path / "config.yaml").write_text(
        "data: {table: table.csv, image: path, tasks: [car], group: scene}\n"
        "backbone: {name: run:any}\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_table(folder, cells):
    rows = [
        {"path": f"{index}.png", "scene": f"s{index // 2}", "car": cell, "text": "words"}
        for index, cell in enumerate(cells)
    ]
    pd.DataFrame(rows).to_csv(folder / "table.csv", index=False)


@pytest.fixture
def kerastl(capsys):
    def run(*args):
        try:
            main([str(arg) for arg in args])
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_check_of_a_config_reports_and_succeeds(folder, kerastl):
    code, out, _ = kerastl("data", "check", "config.yaml")
    assert code == 0
    assert "table.csv: 20 rows with images, 1 task\n" in out
    assert "task  known  positive  negative  unknown  uncertain" in out
    assert "car      20        10        10        0          0" in out
    assert "Images:   PNG RGB 20" in out
    assert "Groups:   10 of 2 to 2 rows, median 2" in out
    assert "Training would accept the table." in out


def test_check_of_a_table_finds_its_columns(folder, kerastl):
    code, out, _ = kerastl("data", "check", "table.csv", "--json")
    report = json.loads(out)
    assert code == 0
    assert report["usable"] is True
    assert [task["task"] for task in report["tasks"]] == ["car"]


def test_check_lists_all_that_training_would_refuse_and_exits_with_2(folder, kerastl):
    write_table(folder, ["1", "0"] * 9 + ["perhaps", ""])
    (folder / "3.png").unlink()
    (folder / "5.png").write_bytes((folder / "5.png").read_bytes()[:60])
    code, out, err = kerastl("data", "check", "config.yaml")
    assert code == 2
    assert "Training would accept" not in out
    assert "Error: Training would refuse the table." in err
    assert "row 19, column car: 'perhaps' is not a label" in err
    assert f"row 4, {folder / '3.png'}: the image does not exist" in err
    assert f"row 6, {folder / '5.png'}: the image is truncated or damaged" in err
    code, out, err = kerastl("data", "check", "config.yaml", "--json")
    report = json.loads(out)
    assert code == 2
    assert report["usable"] is False
    assert len(report["problems"]) == 3


def test_check_shortens_long_lists_and_names_the_rest(folder, kerastl):
    for index in range(12):
        (folder / f"{index}.png").unlink()
    code, _, err = kerastl("data", "check", "config.yaml")
    assert code == 2
    assert err.count("the image does not exist") == 10
    assert "and 2 more missing files; --json lists all of them" in err


def test_check_warns_of_what_training_accepts(folder, kerastl):
    write_table(folder, ["1", ""] * 10)
    (folder / "4.png").write_bytes((folder / "0.png").read_bytes())
    code, out, _ = kerastl("data", "check", "config.yaml")
    assert code == 0
    assert "car: only positives are recorded, so every probability will be near 1" in out
    assert "data.labels.car.when_unknown: {weak_negative: 0.1}" in out
    assert "1 file is stored under several names: rows 1, 5." in out
    assert "1 file is in several groups" in out


def test_check_names_the_columns_that_the_config_does_not_use(folder, kerastl):
    code, out, _ = kerastl("data", "check", "config.yaml")
    assert code == 0
    assert "Unused:   1 column: text\n" in out
    _, out, _ = kerastl("data", "check", "config.yaml", "--json")
    assert json.loads(out)["unused"] == ["text"]


@pytest.mark.parametrize("source", ["config.yaml", "table.csv"])
def test_check_warns_of_a_group_that_the_config_does_not_use_and_that_splits_divide(
    folder, kerastl, source
):
    rows = [
        {"path": f"{index % 20}.png", "patient": f"p{index // 4}", "car": index // 4 % 2}
        for index in range(80)
    ]
    pd.DataFrame(rows).to_csv(folder / "table.csv", index=False)
    given = [] if source == "table.csv" else ["--set", "data.group=null"]
    code, out, _ = kerastl("data", "check", source, *given)
    assert code == 0
    text = " ".join(out.split())
    assert "patient: the column may say which rows belong together" in text
    assert "of 24 rows of validation and test have a patient with training rows" in text
    assert "predict theirs with a mean AUC of 1.00" in text
    assert "set data.group: patient" in text


def test_check_does_not_warn_of_groups_that_the_split_keeps_whole(folder, kerastl):
    parts = ["train"] * 60 + ["validation"] * 12 + ["test"] * 8
    rows = [
        {"path": f"{index % 20}.png", "patient": f"p{index // 4}", "car": index % 2, "split": part}
        for index, part in enumerate(parts)
    ]
    pd.DataFrame(rows).to_csv(folder / "table.csv", index=False)
    whole = ["--set", "data.group=null", "--set", "data.split={column: split}"]
    _, out, _ = kerastl("data", "check", "config.yaml", *whole)
    assert "belong together" not in out


def test_check_tells_of_a_split_that_cannot_be_made(folder, kerastl):
    code, _, err = kerastl("data", "check", "config.yaml", "--set", "data.split={column: text}")
    assert code == 2
    assert "data.split: 20 cells of the column 'text' do not name a split." in err


def test_check_refuses_columns_beside_a_config(folder, kerastl):
    code, _, err = kerastl("data", "check", "config.yaml", "--task", "car")
    assert code == 2
    assert "The columns of a config are set in the config." in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.csv"], "There is no table 'nothing.csv'."),
        (["table.csv", "--task", "cra"], "Did you mean 'car'?"),
        (["table.csv", "--image", "pth"], "Did you mean 'path'?"),
        (["table.csv", "--task", "path"], "path"),
    ],
)
def test_check_explains_a_wrong_name(folder, kerastl, arguments, message):
    code, _, err = kerastl("data", "check", *arguments)
    assert code == 2
    assert message in err
    assert "Traceback" not in err


def test_check_of_a_table_without_files_or_labels_names_the_missing_option(folder, kerastl):
    pd.DataFrame({"a": ["x"], "b": ["y"]}).to_csv("none.csv", index=False)
    assert "Name the column with --image or --audio." in kerastl("data", "check", "none.csv")[2]
    pd.DataFrame({"a": ["0.png"], "b": ["y"]}).to_csv("none.csv", index=False)
    assert "Name the columns with --task" in kerastl("data", "check", "none.csv")[2]


def test_split_writes_the_table_with_its_parts(folder, kerastl):
    code, out, _ = kerastl("data", "split", "config.yaml", "-o", "split.csv")
    assert code == 0
    frame = pd.read_csv("split.csv")
    assert list(frame.columns) == ["path", "scene", "car", "text", "split"]
    assert set(frame["split"]) == {"train", "validation", "test"}
    assert frame.groupby("scene")["split"].nunique().max() == 1
    assert frame["path"].tolist() == [f"{index}.png" for index in range(20)]
    train = frame[frame["split"] == "train"]
    assert f"{(train['car'] == 1).sum()} / {(train['car'] == 0).sum()}" in out
    assert "table: split.csv, split: {column: split}" in out


def test_split_elsewhere_keeps_the_way_to_the_files(folder, kerastl):
    code, _, _ = kerastl("data", "split", "config.yaml", "-o", "other/split.parquet")
    assert code == 0
    frame = pd.read_parquet("other/split.parquet")
    assert frame["path"][3] == "../3.png"
    assert kerastl("data", "check", "other/split.parquet")[0] == 0


def test_split_refuses_a_column_that_is_taken(folder, kerastl):
    code, _, err = kerastl("data", "split", "config.yaml", "-o", "s.csv", "--column", "text")
    assert code == 2
    assert "The table already has a column 'text'." in err
    assert not (folder / "s.csv").exists()


@pytest.fixture
def classes(folder):
    for name in ("cat", "dog"):
        (folder / "classes" / name).mkdir(parents=True)
    for index in range(4):
        (folder / f"{index}.png").rename(
            folder / "classes" / ("cat", "dog")[index % 2] / f"{index}.png"
        )
    return folder / "classes"


def test_from_folders_makes_a_table_that_passes_the_check(classes, kerastl):
    code, out, _ = kerastl("data", "from-folders", classes, "-o", "pets.csv")
    assert code == 0
    assert "cat          2         2        0" in out
    assert pd.read_csv("pets.csv").values.tolist()[0] == ["classes/cat/0.png", 1, 0]
    assert kerastl("data", "check", "pets.csv")[0] == 0


def test_from_coco_makes_a_table_that_passes_the_check(folder, kerastl):
    content = {
        "images": [{"id": 1, "file_name": "0.png"}, {"id": 2, "file_name": "gone.png"}],
        "annotations": [{"image_id": 1, "category_id": 5}],
        "categories": [{"id": 5, "name": "Stop sign"}, {"id": 6, "name": "car"}],
    }
    (folder / "instances.json").write_text(json.dumps(content))
    arguments = ["instances.json", "--images", ".", "-o", "coco.csv"]
    code, _, err = kerastl("data", "from-coco", *arguments, "--category", "stop_sign")
    assert code == 0
    assert "1 of 2 files that are missing" in err
    assert pd.read_csv("coco.csv").values.tolist() == [["0.png", 1]]
    assert kerastl("data", "check", "coco.csv")[0] == 0


def test_an_existing_file_is_replaced_only_where_asked(classes, folder, kerastl):
    (folder / "pets.csv").write_text("precious")
    code, _, err = kerastl("data", "from-folders", classes, "-o", "pets.csv")
    assert code == 2
    assert "replace it with --overwrite" in err
    assert (folder / "pets.csv").read_text() == "precious"
    assert kerastl("data", "from-folders", classes, "-o", "pets.csv", "--overwrite")[0] == 0
    assert (folder / "pets.csv").read_text().startswith("path,cat,dog")


def test_a_failed_write_leaves_the_old_file_and_nothing_half_written(
    classes, folder, kerastl, monkeypatch
):
    (folder / "pets.csv").write_text("precious")

    def write_half(frame, path, **options):
        path.write_text("half")
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(pd.DataFrame, "to_csv", write_half)
    code, _, err = kerastl("data", "from-folders", classes, "-o", "pets.csv", "--overwrite")
    assert code == 2
    assert "no space left on device" in err
    assert (folder / "pets.csv").read_text() == "precious"
    assert sorted(path.name for path in folder.glob("*pets*")) == ["pets.csv"]


def test_a_table_is_written_as_csv_or_parquet_only(classes, kerastl):
    code, _, err = kerastl("data", "from-folders", classes, "-o", "pets.xlsx")
    assert code == 2
    assert "A table is written as CSV or Parquet." in err
