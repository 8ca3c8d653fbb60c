"""Tables from detections of MegaDetector."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kerastl.data.importing import MadeTable
from kerastl.errors import TableError
from kerastl_importers.megadetector import table_from_megadetector

INFO = {"detector": "md_v5a.0.0.pt", "format_version": "1.4"}
CATEGORIES = {"1": "animal", "2": "person", "3": "vehicle"}
BOX = [0.25, 0.5, 0.125, 0.25]


def detection(category: str, conf: float, bbox: Any = BOX) -> dict[str, Any]:
    return {"category": category, "conf": conf, "bbox": bbox}


def image(name: str, *detections: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"file": name, "detections": list(detections), **more}


@pytest.fixture
def make(tmp_path: Path):
    def function(*images: Any, content: Any = None, **given: Any) -> MadeTable:
        (tmp_path / "images" / "cam").mkdir(parents=True, exist_ok=True)
        for name in ("a.jpg", "b.jpg", "c.jpg", "cam/d.jpg"):
            (tmp_path / "images" / name).touch()
        if content is None:
            content = {"info": INFO, "detection_categories": CATEGORIES, "images": list(images)}
        (tmp_path / "found.json").write_text(json.dumps(content))
        return table_from_megadetector(
            tmp_path / "found.json", tmp_path / "images", relative_to=tmp_path, **given
        )

    return function


def cells(frame: pd.DataFrame) -> list[list[Any]]:
    plain = frame.astype(object)
    return plain.where(plain.notna(), None).to_numpy().tolist()


def test_high_scores_are_yes_low_ones_no_and_those_between_unknown(make) -> None:
    found = make(
        image("a.jpg", detection("1", 0.9), detection("1", 0.2), detection("2", 0.3)),
        image("cam/d.jpg", detection("1", 0.05)),
        image("b.jpg"),
    )
    assert found.tasks == ("animal", "person", "vehicle")
    assert found.frame["path"].tolist() == ["images/a.jpg", "images/cam/d.jpg", "images/b.jpg"]
    assert cells(found.frame[list(found.tasks)]) == [[1, None, 0], [0, 0, 0], [0, 0, 0]]
    assert "Unknown: 1 label with scores above 0.1 and below 0.5." in found.notes


def test_the_limits_of_the_scores_can_be_set(make) -> None:
    found = make(image("a.jpg", detection("1", 0.3), detection("2", 0.2)), present=0.3, absent=0.2)
    assert cells(found.frame[list(found.tasks)]) == [[1, 0, 0]]


def test_images_that_the_detector_could_not_read_are_left_out_and_counted(make) -> None:
    failed = {"file": "b.jpg", "failure": "Failure image access", "detections": None}
    found = make(image("a.jpg"), failed, image("gone.jpg"))
    assert found.frame["path"].tolist() == ["images/a.jpg"]
    assert "Left out: 1 image that the detector could not read, first b.jpg." in found.notes
    assert "Left out: 1 of 3 files that are missing, first gone.jpg." in found.notes


def test_crops_are_rows_with_regions_in_fractions_of_the_image(make) -> None:
    found = make(
        image("a.jpg", detection("1", 0.9), detection("2", 0.8, [0.9, 0, 0.2, 1])),
        image("b.jpg", detection("1", 0.4)),
        crops=True,
    )
    assert found.tasks == ()
    rows = cells(found.frame)
    assert rows[0] == ["images/a.jpg", 0.25, 0.5, 0.125, 0.25, "animal", 0.9]
    assert rows[1][3] == pytest.approx(0.1)  # a box that ends outside of the image is cut
    assert len(rows) == 2
    assert "Left out: 1 detection with scores below 0.5." in found.notes


def test_no_holds_for_every_detection_of_an_image_and_yes_for_the_only_one(
    make, tmp_path: Path
) -> None:
    (tmp_path / "labels.csv").write_text(
        "path,fox,deer\nimages/a.jpg,1,0\nimages/b.jpg,1,\nelsewhere.jpg,0,1\n"
    )
    found = make(
        image("a.jpg", detection("1", 0.9), detection("1", 0.8)),
        image("b.jpg", detection("1", 0.9), detection("1", 0.1)),
        image("c.jpg", detection("1", 0.9)),
        crops=True,
        labels=tmp_path / "labels.csv",
    )
    assert found.tasks == ("fox", "deer")
    assert cells(found.frame[["fox", "deer"]]) == [[None, 0], [None, 0], [1, None], [None, None]]
    assert any(note.startswith("Unknown: 2 labels of images with several") for note in found.notes)
    assert "Unknown: all labels of 1 image without a row in labels.csv." in found.notes


def test_yes_is_for_no_detection_beside_another_one_that_was_left_out(make, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("path,fox\nimages/a.jpg,1\n")
    found = make(
        image("a.jpg", detection("1", 0.9), detection("1", 0.3)),
        crops=True,
        labels=tmp_path / "labels.csv",
    )
    assert cells(found.frame[["fox"]]) == [[None]]


def test_labels_of_other_images_are_refused(make, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("path,fox\nother/a.jpg,1\n")
    with pytest.raises(TableError, match="names none of the images"):
        make(image("a.jpg", detection("1", 0.9)), crops=True, labels=tmp_path / "labels.csv")


def test_a_table_of_labels_without_paths_is_refused(make, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("file,fox\na.jpg,1\n")
    with pytest.raises(TableError, match="lacks the column 'path'"):
        make(image("a.jpg", detection("1", 0.9)), crops=True, labels=tmp_path / "labels.csv")


def test_crops_need_a_detection(make) -> None:
    with pytest.raises(TableError, match="No detection reaches the score"):
        make(image("a.jpg", detection("1", 0.4)), crops=True)


@pytest.mark.parametrize(
    ("content", "where", "received"),
    [
        ([], "", "an empty list"),
        ({"images": [image("a.jpg")]}, "", "keys"),
        ({"detection_categories": CATEGORIES, "images": []}, "", "keys"),
        ({"detection_categories": {"1": 3}, "images": [image("a.jpg")]}, "categories", "keys"),
        ({"detection_categories": CATEGORIES, "images": [3]}, "images[0]", "3"),
        (
            {"detection_categories": CATEGORIES, "images": [{"file": "a", "detections": 3}]},
            "images[0].detections",
            "3",
        ),
    ],
)
def test_what_megadetector_does_not_write_is_refused(
    make, content: Any, where: str, received: str
) -> None:
    with pytest.raises(TableError) as caught:
        make(content=content)
    assert where in caught.value.parts["where"]
    assert received in caught.value.parts["received"]


@pytest.mark.parametrize(
    ("one", "key"),
    [
        (detection("7", 0.9), "category"),
        (detection("1", 1.5), "conf"),
        (detection("1", 0.9, [0, 0, 1]), "bbox"),
        (detection("1", 0.9, [10, 10, 200, 100]), "bbox"),
    ],
)
def test_an_impossible_detection_is_named(make, one: dict[str, Any], key: str) -> None:
    with pytest.raises(TableError) as caught:
        make(image("a.jpg", detection("1", 0.9), one))
    assert f"images[0].detections[1].{key}" in caught.value.parts["where"]
