"""What `check_table` finds in a table that has one of everything."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from kerastl.config import DataConfig, LabelPolicy
from kerastl.data.checking.check import BadCell, TaskCounts, check_table
from kerastl.data.tables.loading import load_table, read_table
from kerastl.media.image import inspection
from kerastl.progress import Progress


def save(path, seed, form="PNG"):
    pixels = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, form)


def check(folder, rows, **data):
    pd.DataFrame(rows).to_csv(folder / "table.csv", index=False)
    data = {"image": "path", "tasks": ("car",), **data}
    config = DataConfig(table=folder / "table.csv", **data)
    return check_table(read_table(config), group_column=config.group)


@pytest.fixture
def folder(tmp_path):
    for index in range(4):
        save(tmp_path / f"{index}.png", index)
    return tmp_path


def rows(*cells, files=("0.png", "1.png", "2.png", "3.png")):
    return [{"path": file, "car": cell} for file, cell in zip(files, cells, strict=False)]


def grouped(table, scenes):
    return [{**row, "scene": scene} for row, scene in zip(table, scenes, strict=True)]


def test_a_whole_table_is_usable(folder):
    report = check(folder, rows("1", "0", "", "1"))
    assert report.is_usable
    assert report.num_rows == 4
    assert report.equal_rows == report.equal_paths == report.equal_files == ()


def test_cells_are_counted_by_what_they_mean(folder):
    policy = LabelPolicy(positive=("1",), negative=("0",), uncertain=("-1",))
    report = check(folder, rows("1", "-1", "", "perhaps"), labels={"car": policy})
    counts = {"known": 1, "positive": 1, "negative": 0, "unknown": 1, "uncertain": 1}
    assert report.tasks == (TaskCounts(task="car", out_of_range=1, **counts),)
    assert report.bad_cells == (BadCell(row=4, column="car", cell="perhaps"),)
    assert not report.is_usable


def test_missing_and_unreadable_files_are_listed_separately(folder):
    (folder / "0.png").unlink()
    whole = (folder / "1.png").read_bytes()
    (folder / "1.png").write_bytes(whole[: len(whole) // 2])
    (folder / "2.png").write_text("<html>not found</html>")
    report = check(folder, rows("1", "0", "1", "0"))
    assert [(bad.row, bad.reason) for bad in report.missing_files] == [
        (1, "The image does not exist")
    ]
    assert [bad.row for bad in report.unreadable_files] == [2, 3]
    assert "truncated or damaged" in report.unreadable_files[0].reason
    assert "<html>" in report.unreadable_files[1].reason
    assert not report.is_usable


def test_repeated_rows_and_files_are_found_separately(folder):
    report = check(folder, rows("1", "1", "0", files=("0.png", "0.png", "0.png")))
    assert report.equal_rows == ((1, 2),)
    assert report.equal_paths == ((1, 2, 3),)
    assert report.equal_files == ()
    assert report.contradictions == (("car", (1, 2, 3)),)
    assert report.is_usable


def test_files_of_the_same_bytes_are_found_across_groups(folder):
    (folder / "2.png").write_bytes((folder / "0.png").read_bytes())
    report = check(folder, grouped(rows("1", "0", "0", ""), "aabb"), group="scene")
    assert report.equal_files == ((1, 3),)
    assert report.contradictions == (("car", (1, 3)),)
    assert report.across_groups == ((1, 3),)


def test_an_unknown_label_contradicts_nothing(folder):
    report = check(folder, rows("1", "", files=("0.png", "0.png")))
    assert report.contradictions == ()


def test_groups_are_counted_and_blank_ones_are_single(folder):
    groups = check(
        folder, grouped(rows("1", "0", "1", "0"), ["a", "a", "", ""]), group="scene"
    ).groups
    assert (groups.count, groups.smallest, groups.largest) == (3, 1, 2)
    assert groups.rows_without_group == 2


def test_images_are_counted_by_format_and_size(folder):
    save(folder / "3.png", 3, "JPEG")
    Image.new("L", (100, 200)).save(folder / "2.png")
    images = check(folder, rows("1", "0", "1", "0")).summary
    assert images.formats == {"PNG RGB": 2, "PNG L": 1, "JPEG RGB": 1}
    assert images.smallest == (32, 24)
    assert images.largest == (100, 200)
    assert images.num_dark == 0


def test_bits_in_use_are_reported_and_images_that_stay_dark_are_counted(folder):
    twelve_bits = np.linspace(0, 4095, 64).astype(np.uint16).reshape(8, 8)
    Image.fromarray(twelve_bits).save(folder / "0.png")
    Image.fromarray(twelve_bits // 64).save(folder / "1.png")
    found = check(folder, rows("1", "0")).summary
    assert found.range_of_deep == (0, 4095)
    assert found.lines()[-1] == "Depth:    gray values 0 to 4,095, 12 of 16 bits"
    assert (found.num_dark, found.num_constant) == (1, 0)
    (warning,) = found.warnings()
    assert warning.startswith("1 image is nearly black; data.intensity says")


def test_a_palette_says_how_bright_its_image_is(folder):
    Image.fromarray(np.full((8, 8), 200, np.uint8)).convert("P").save(folder / "0.png")
    bright = Image.new("P", (8, 8))
    bright.putpalette([0, 0, 0, 255, 255, 255])
    bright.putpixel((0, 0), 1)
    bright.save(folder / "1.png")
    found = check(folder, rows("1", "0")).summary
    assert (found.num_dark, found.num_constant) == (0, 1)


def test_images_of_a_single_color_are_counted(folder):
    Image.new("RGB", (8, 8), (7, 7, 7)).save(folder / "0.png")
    found = check(folder, rows("1", "0")).summary
    assert (found.num_dark, found.num_constant) == (0, 1)
    assert found.warnings() == ["1 image is of a single color."]


def test_a_jpeg_that_training_refuses_at_any_size_is_found(folder):
    smooth = Image.linear_gradient("L").resize((900, 900))
    smooth.save(folder / "0.jpg", progressive=True)
    data = (folder / "0.jpg").read_bytes()
    (folder / "0.jpg").write_bytes(data[: int(len(data) * 0.9)] + b"\xff\xd9")
    report = check(folder, rows("1", "0", files=("0.jpg", "1.png")))
    assert [bad.row for bad in report.unreadable_files] == [1]


def test_a_file_that_stands_in_several_rows_is_read_once(folder, monkeypatch):
    read = []
    original = inspection.read_image_file
    monkeypatch.setattr(
        inspection, "read_image_file", lambda path: read.append(path) or original(path)
    )
    check(folder, rows("1", "0", "1", files=("0.png", "0.png", "1.png")))
    assert len(read) == 2


def test_audio_files_are_checked_for_being_there(folder):
    (folder / "a.wav").write_bytes(b"RIFF")
    table = rows("1", "0", files=("a.wav", "b.wav"))
    report = check(folder, table, image=None, audio="path")
    assert [bad.row for bad in report.missing_files] == [2]
    assert report.summary is None


def test_a_report_can_be_written_as_json(folder):
    report = check(folder, rows("1", "no", "", "1"))
    read = json.loads(json.dumps(report.to_dict()))
    assert read["usable"] is False
    assert read["images"] == read["pictures"]
    assert read["images"]["formats"] == {"PNG RGB": 4}
    assert (read["audio"], read["sounds"]) == (None, None)
    assert read["bad_cells"] == [
        {"row": 2, "column": "car", "cell": "no", "reason": "is not a label"}
    ]


def test_progress_receives_the_number_of_files(folder):
    class Recorder(Progress):
        def __init__(self):
            self.totals = []

        def step(self, title, total=None):
            self.totals.append(total)

        def advance(self, done):
            self.totals.append(done)

    pd.DataFrame(rows("1", "0", "1", "0")).to_csv(folder / "table.csv", index=False)
    config = DataConfig(table=folder / "table.csv", image="path", tasks=("car",))
    recorder = Recorder()
    check_table(load_table(config), progress=recorder)
    assert recorder.totals == [4, 4]
